"""`python -m exifinator`."""

import signal

# Ctrl-C while the imports are made ends the program without their traceback.
_on_interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator.cli import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, _on_interrupt)
    main(prog_name="python -m exifinator")
