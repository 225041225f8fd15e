"""The tasks under their former module path, which failed jobs from version 0.0 contain. Remove after release 0.1."""

from exifinator.worker.tasks import Download, Write

__all__ = ["Download", "Write"]
