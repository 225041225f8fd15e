"""`python -m exifinator`."""

import signal

# If the user presses Ctrl-C during the imports, exit without a traceback.
_on_interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator.cli.main import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, _on_interrupt)
    main(prog_name="python -m exifinator")
