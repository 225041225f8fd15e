"""Tests that start programs. Each test stops the programs that it started, even if it fails."""

from __future__ import annotations

from tests.integration.conftest import bucket
from tests.system.checkout import checkout
from tests.system.clone import bare_clone, clone, running_clone, s3_proxy
from tests.system.tls_servers import tls_servers

__all__ = ["bare_clone", "bucket", "checkout", "clone", "running_clone", "s3_proxy", "tls_servers"]
