"""The tasks under their former module path, for failed jobs stored by version 0.0. Remove this after release 0.1."""

from exifinator.worker.tasks import Download, Write

__all__ = ["Download", "Write"]
