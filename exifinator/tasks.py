"""The tasks under their former path, which failed jobs of version 0.0 contain. Remove this module after release 0.1."""

from exifinator.worker.tasks import Download, Write

__all__ = ["Download", "Write"]
