"""Every place that credentials for S3 may come from, settings.py holding none: an image is read with each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exifinator.config import Config, build_config, load_config
from exifinator.errors import AccessDenied
from exifinator.lean_s3 import LeanS3
from exifinator.records import ImageRef
from exifinator.s3 import S3
from tests.integration.tls import ACCESS_KEY, Fortress
from tests.photos import make_jpeg


@pytest.fixture
def image(fortress: Fortress) -> ImageRef:
    folder = fortress.buckets / "guarded"
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(make_jpeg())
    return ImageRef("guarded", "a.jpg", "", 1, datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture
def config(fortress: Fortress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings without any credentials, on a machine that has none either."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    keys = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY")
    return build_config({name: value for name, value in fortress.settings.items() if name not in keys}, {})


@pytest.fixture
def metadata_server(fortress: Fortress) -> Iterator[str]:
    """What a cloud's machine asks for the credentials of its role."""
    role = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": fortress.settings["AWS_SECRET_KEY"],
        "Token": "MARKED-token-of-the-role",
        "Expiration": f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
    }
    answers = {
        "/latest/api/token": "MARKED-token-of-the-machine",
        "/latest/meta-data/iam/security-credentials/": "reader",
        "/latest/meta-data/iam/security-credentials/reader": json.dumps(role),
        "/container": json.dumps(role),
    }

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = answers.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


Give = Callable[[Config], Config]


@pytest.fixture
def give(
    request: pytest.FixtureRequest,
    fortress: Fortress,
    metadata_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Give:
    """Puts the credentials where the test's parameter says; gives the settings to use."""
    secret = str(fortress.settings["AWS_SECRET_KEY"])

    def put(config: Config) -> Config:
        match request.param:
            case "environment":
                monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
                monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
            case "session":
                monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
                monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
                monkeypatch.setenv("AWS_SESSION_TOKEN", "MARKED-token")
            case "profile":
                text = f"[archive]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {secret}\n"
                (tmp_path / "AWS_SHARED_CREDENTIALS_FILE").write_text(text)
                monkeypatch.setenv("AWS_PROFILE", "archive")
            case "instance role":
                monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
                monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_server)
            case "container role":
                monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata_server}/container")
            case "file of settings":
                path = tmp_path / "own.py"
                path.write_text("\n".join(f"{name} = {value!r}" for name, value in fortress.settings.items()))
                monkeypatch.setenv("EXIFINATOR_SETTINGS", str(path))
                return load_config.__wrapped__()
        return config

    return put


SOURCES = ("environment", "session", "profile", "instance role", "container role", "file of settings")


@pytest.mark.parametrize("reader", [S3, LeanS3])
@pytest.mark.parametrize("give", SOURCES, indirect=True)
def test_credentials__from_any_source__read_an_image(
    give: Give, reader: type[S3], config: Config, image: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = reader(give(config))
    first = s3.read_range(image, 0, 100)
    if reader is LeanS3:
        # What it signs itself from now on.
        monkeypatch.setattr(S3, "read_range", None)

    again = s3.read_range(image, 0, 100)

    s3.close()
    assert first.data == again.data == make_jpeg()[:100]


@pytest.mark.parametrize("reader", [S3, LeanS3])
def test_credentials__from_nowhere__are_said_to_be_missing(reader: type[S3], config: Config, image: ImageRef) -> None:
    with pytest.raises(AccessDenied, match=r"no credentials for guarded/a\.jpg: set AWS_ACCESS_KEY"):
        reader(config).read_range(image, 0, 100)
