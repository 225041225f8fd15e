"""An address and keys for the tests of doctor."""

from __future__ import annotations

# An address on which no server listens.
NOBODY = "127.0.0.1:9"
KEYS = {"AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret"}
