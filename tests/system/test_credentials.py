"""Reading an image with credentials from each place that boto3 supports, and from a settings file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exifinator.config import Config, build_config, load_config
from exifinator.errors import AccessDenied
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from tests.photos import make_jpeg
from tests.servers import serving
from tests.system.tls_servers import ACCESS_KEY, TlsServers


@pytest.fixture
def image(tls_servers: TlsServers) -> ImageRef:
    folder = tls_servers.buckets / "guarded"
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(make_jpeg())
    return ImageRef("guarded", "a.jpg", "", len(make_jpeg()), datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture
def config(tls_servers: TlsServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return settings without credentials, on a machine without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    keys = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY")
    return build_config({name: value for name, value in tls_servers.settings.items() if name not in keys}, {})


@pytest.fixture
def metadata_server(tls_servers: TlsServers) -> Iterator[str]:
    """Yield the URL of a stand-in for a cloud's metadata service, which returns the credentials of a role."""
    role = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": tls_servers.settings["AWS_SECRET_KEY"],
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

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


Provide = Callable[[Config], Config]


@pytest.fixture
def provide(
    request: pytest.FixtureRequest,
    tls_servers: TlsServers,
    metadata_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Provide:
    """Return provide(config), which stores credentials in the place named by the test's parameter.

    It returns the settings to use.
    """
    secret = str(tls_servers.settings["AWS_SECRET_KEY"])

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
                path = tmp_path / "other_settings.py"
                path.write_text("\n".join(f"{name} = {value!r}" for name, value in tls_servers.settings.items()))
                monkeypatch.setenv("EXIFINATOR_SETTINGS", str(path))
                return load_config.__wrapped__()
        return config

    return put


SOURCES = ("environment", "session", "profile", "instance role", "container role", "file of settings")


@pytest.mark.parametrize("reader", [S3Client, FastS3Client])
@pytest.mark.parametrize("provide", SOURCES, indirect=True)
def test_credentials__from_any_source__read_an_image(
    provide: Provide, reader: type[S3Client], config: Config, image: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = reader(provide(config))
    first = s3.read_range(image, 0, 100)
    if reader is FastS3Client:
        # From now on, the client must sign its requests itself.
        monkeypatch.setattr(S3Client, "read_range", None)

    again = s3.read_range(image, 0, 100)

    s3.close()
    assert first.data == again.data == make_jpeg()[:100]


@pytest.mark.parametrize("reader", [S3Client, FastS3Client])
def test_credentials__none__are_reported_missing(reader: type[S3Client], config: Config, image: ImageRef) -> None:
    with pytest.raises(AccessDenied, match=r"There are no credentials for guarded/a\.jpg; set AWS_ACCESS_KEY"):
        reader(config).read_range(image, 0, 100)
