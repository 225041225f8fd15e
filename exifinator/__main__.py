"""`python -m exifinator`."""

import signal

# Exit without a traceback on Ctrl-C during the imports.
_on_interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator.cli.main import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, _on_interrupt)
    main(prog_name="python -m exifinator")
