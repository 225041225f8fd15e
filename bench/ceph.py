"""Run Ceph's S3 server (radosgw) with one monitor and one storage daemon in memory, on this machine only.

It needs Debian's packages radosgw, ceph-mon, ceph-osd and ceph-common.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.servers import reserve_port, running

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon initial members = a
mon host = v1:127.0.0.1:{monitor_port}
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
rgw data = {folder}
rgw frontends = beast endpoint=127.0.0.1:{s3_port}
"""


def is_installed() -> bool:
    """Return whether all programs are in PATH."""
    return all(shutil.which(name) for name in PROGRAMS)


@contextlib.contextmanager
def run_ceph(folder: Path, access_key: str, secret_key: str) -> Iterator[str]:
    """Run Ceph's S3 server with one user, and yield its URL. Its files are in `folder`, whose path must be short."""
    fsid, monitor_port, s3_port = str(uuid.uuid4()), reserve_port(), reserve_port()
    configuration, keyring, monitors = folder / "ceph.conf", folder / "mon.keyring", folder / "monmap"
    configuration.write_text(
        _CONFIGURATION.format(fsid=fsid, monitor_port=monitor_port, s3_port=s3_port, folder=folder)
    )
    for name in ("mon", "osd"):
        (folder / name).mkdir()
    (folder / "keyring").touch()

    def call(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    options = ["-c", str(configuration)]
    call("ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    call("monmaptool", "--create", "--addv", "a", f"[v1:127.0.0.1:{monitor_port}]", "--fsid", fsid, str(monitors))
    call("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monitors), "--keyring", str(keyring), *options)
    with contextlib.ExitStack() as stack:
        log = folder / "output.log"
        stack.enter_context(running(["ceph-mon", "-f", "-i", "a", *options], monitor_port, log))
        osd_id = str(uuid.uuid4())
        call("ceph", *options, "osd", "new", osd_id)
        call("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd_id, *options)
        # radosgw listens only when the storage daemon is up.
        stack.enter_context(running(["ceph-osd", "-f", "-i", "0", *options], 0, log, is_ready=lambda _: True))
        stack.enter_context(running(["radosgw", "-f", "-n", "client.rgw", *options], s3_port, log))
        user = ["--uid", "bench", "--display-name", "bench", "--access-key", access_key, "--secret-key", secret_key]
        call("radosgw-admin", *options, "-n", "client.rgw", "user", "create", *user)
        yield f"http://127.0.0.1:{s3_port}"
