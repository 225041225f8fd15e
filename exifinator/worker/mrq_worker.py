"""Run MRQ's worker as the script mrq-worker does, but start faster: `python -m exifinator.worker.mrq_worker QUEUE`."""

from __future__ import annotations

import signal

from exifinator.gevent_patch import skip_plugins


def main() -> None:
    """Run a worker until it is stopped."""
    # If the user presses Ctrl-C during the imports, exit without a traceback. MRQ installs its own handlers later.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    skip_plugins()
    # On import, MRQ patches Python's library.
    from mrq.bin import mrq_worker

    mrq_worker.main()


if __name__ == "__main__":
    main()
