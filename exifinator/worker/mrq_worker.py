"""Run MRQ's worker as the script mrq-worker does, but start faster: `python -m exifinator.worker.mrq_worker QUEUE`."""

import signal

# If the user presses Ctrl-C during the imports, exit without a traceback. MRQ installs its own handler later.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator.gevent_patch import skip_plugins  # noqa: E402

# MRQ patches the library when it is imported.
skip_plugins()

from mrq.bin.mrq_worker import main  # noqa: E402

if __name__ == "__main__":
    main()
