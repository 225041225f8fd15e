"""/metrics, which adds up the counters of all processes, and the queries of Grafana and KEDA that use it."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import promql_parser
import pytest
import yaml
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from prometheus_client.parser import text_string_to_metric_families

from exifinator.config import build_config
from exifinator.errors import EXIFinatorError, ObjectChanged, QueueUnavailable, SourceUnavailable, StoreUnavailable
from exifinator.metrics import COUNTS, STAGES, Counts, retry_cause
from exifinator.monitoring.reporter import Flusher
from exifinator.queue.admin import QueueAdmin
from exifinator.sources.s3.client import S3Client
from tests.integration.api.fixtures import TOKEN, Api, run_api
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg, make_plain
from tests.s3_proxy import Answer, run_proxy
from tests.servers import ROOT, end

GRAFANA = ROOT / "deploy" / "grafana.json"
KEDA = ROOT / "deploy" / "kubernetes" / "keda" / "worker.yaml"


def read_page(api: Api) -> dict[str, float]:
    """Return the samples of /metrics by name and labels, as in `exifinator_images_total{outcome="ok"}`."""
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True) if sample.labels else ''}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics__one_of_two_workers_is_killed__counts_each_image_once(
    install: Callable[..., Installation], bucket: Bucket, tmp_path: Path
) -> None:
    # On a busy machine, a shorter lease might expire, and its image would be read and counted twice.
    installation = install(LEASE_SECONDS=3600)
    for i in range(3):
        bucket.put(f"private/name-{i}.jpg", make_jpeg(seed=i))
    bucket.put("plain.jpg", make_plain())
    bucket.put("text.jpg", b"no photo at all")
    first = installation.start_worker("download", "write")
    second = installation.start_worker("write")
    numbers = installation.run(bucket.name)

    def is_counted() -> bool:
        counts = installation.control.counts()
        by_stage = Counter(name for name, n in counts.items() for name in re.findall(r"^stage:(\w+):\d+$", name) * n)
        return counts.get("requests:get") == 5 and by_stage == dict.fromkeys(STAGES, 5)

    # Each worker adds its own counts every few seconds.
    installation.wait_until(is_counted, [first, second])
    first.send_signal(signal.SIGKILL)
    end(second, how=signal.SIGINT)

    with run_api(installation.config, tmp_path) as api:
        page = read_page(api)
        text = api.client.get("/metrics").text

    def outcome(name: str) -> float:
        return page[f'exifinator_images_total{{"outcome": "{name}"}}']

    assert (outcome("ok"), outcome("no_exif"), outcome("unsupported"), outcome("failed")) == (3, 1, 1, 0)
    assert page['exifinator_s3_requests_total{"request": "get"}'] == numbers.requests
    assert page["exifinator_read_bytes_total"] == numbers.bytes_read
    for stage in STAGES:
        assert page[f'exifinator_stage_seconds_count{{"stage": "{stage}"}}'] == 5
        assert 0 < page[f'exifinator_stage_seconds_sum{{"stage": "{stage}"}}'] < 300
    assert page["exifinator_records"] == 5
    assert page['exifinator_queue_length{"queue": "download"}'] == 0
    # The second worker exited regularly, so only the killed one is shown.
    (worker,) = [name for name in page if name.startswith("exifinator_worker_up")]
    assert f".{first.pid}" in worker
    for private in (bucket.name, "private", "127.0.0.1", "secret"):
        assert private not in text


class ResponseLosingAdmin(QueueAdmin):
    """Loses `lost` responses: Redis executes the command, but the caller gets an error."""

    lost = 0

    def add_counts(self, sender: str, sequence_number: int, counts: Mapping[str, int]) -> None:
        super().add_counts(sender, sequence_number, counts)
        if self.lost:
            self.lost -= 1
            raise QueueUnavailable("Redis cannot add up the metrics: the connection broke")


def test_flush__response_of_redis_is_lost__adds_each_count_once(installation: Installation) -> None:
    control = ResponseLosingAdmin(installation.queue, installation.config)
    counts = Counts()
    flusher = Flusher(control, counts)
    counts.bytes_read = 10
    control.lost = 2
    for _ in range(2):
        with pytest.raises(QueueUnavailable):
            flusher.flush()
        counts.bytes_read += 1
    assert control.counts() == {"bytes": 10}

    flusher.flush()
    flusher.flush()

    assert control.counts() == {"bytes": 12}


def test_flush__several_processes__adds_up_their_counts(installation: Installation) -> None:
    control = QueueAdmin(installation.queue, installation.config)
    for seconds in (0.002, 0.2, 100):
        counts = Counts()
        counts.stages["parse"].observe(seconds)
        Flusher(control, counts).flush()
    assert control.counts() == {
        "stage:parse:2": 1, "stage:parse:8": 1, "stage:parse:16": 1, "stage:parse:us": 100_202_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [(503, "SlowDown", "slow_down"), (500, "InternalError", "server_error"), (503, "", "server_error")],
)
def test_retries__s3_fails_once__is_counted_by_cause(
    installation: Installation, bucket: Bucket, status: int, code: str, cause: str
) -> None:
    bucket.put("a.jpg", b"x" * 100)
    (ref,) = installation.s3.list_page(bucket.name, "", None).refs
    answers = iter([Answer(status, {}, f"<Error><Code>{code}</Code></Error>".encode() if code else b"")])
    with run_proxy(installation.settings["S3_ENDPOINT_URL"]) as proxy:
        proxy.answer = lambda method, target, headers, answer: next(answers, answer)
        s3 = S3Client(build_config({**installation.settings, "S3_ENDPOINT_URL": proxy.url}, {}))
        before = dict(COUNTS.retries)
        assert s3.read_range(ref, 0, 10).data == b"x" * 10
        s3.close()
    assert {name: n - before[name] for name, n in COUNTS.retries.items() if n != before[name]} == {cause: 1}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (StoreUnavailable("x"), "mongodb"),
        (QueueUnavailable("x"), "redis"),
        (ObjectChanged("x"), "object_changed"),
        (SourceUnavailable("x"), "other"),
        (EndpointConnectionError(endpoint_url="x"), "connection"),
        (ReadTimeoutError(endpoint_url="x"), "timeout"),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "GetObject"), "credentials"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_retry_cause__each_class_of_error__has_a_label(error: Exception, cause: str) -> None:
    assert retry_cause(error) == cause
    translated = SourceUnavailable("S3 cannot")
    translated.__cause__ = error
    if not isinstance(error, EXIFinatorError):
        assert retry_cause(translated) == cause


def test_metrics__foreign_fields_in_redis__are_not_shown(installation: Installation, tmp_path: Path) -> None:
    installation.redis.hset(installation.queue.keys.metrics, mapping={"images:evil": 7, "images:ok": 2, "stage:x:1": 9})
    with run_api(installation.config, tmp_path) as api:
        text = api.client.get("/metrics").text
    assert "evil" not in text
    assert 'exifinator_images_total{outcome="ok"} 2.0' in text


def test_metrics__redis_is_unavailable__shows_the_metrics_of_mongodb(api: Api) -> None:
    page = read_page(api)
    assert (page["exifinator_redis_up"], page["exifinator_mongodb_up"]) == (0, 1)
    assert page["exifinator_records"] > 100
    assert page['exifinator_failed_images{"exception": "AccessDenied"}'] == 8


def test_metrics__token_is_configured__is_required(guarded_api: Api) -> None:
    assert guarded_api.client.get("/metrics").status_code == 401
    answer = guarded_api.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")


def test_metrics__client_that_accepts_openmetrics__gets_openmetrics(api: Api) -> None:
    answer = api.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_grafana_and_keda__every_query__is_valid_and_uses_existing_metrics(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    installation = install()
    # MongoDB does not report the disk of a database that does not exist yet.
    installation.store.ensure_indexes()
    with run_api(installation.config, tmp_path) as api:
        text = api.client.get("/metrics").text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    exposed_metrics = {name for name, kind in kinds.items() if kind not in ("histogram", "summary")}
    exposed_metrics |= {
        f"{name}_{part}" for name, kind in kinds.items() if kind == "summary" for part in ("sum", "count")
    }
    exposed_metrics |= {
        f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in ("bucket", "sum", "count")
    }
    queries = [t["expr"] for panel in json.loads(GRAFANA.read_text())["panels"] for t in panel["targets"]]
    queries += [trigger["metadata"]["query"] for trigger in yaml.safe_load(KEDA.read_text())["spec"]["triggers"]]
    used_metrics: set[str] = set()
    for query in queries:
        promql_parser.parse(query.replace("$__rate_interval", "5m"))
        used_metrics |= set(re.findall(r"exifinator_\w+", query))
    assert used_metrics - exposed_metrics == set()
    # Every metric has a panel.
    assert exposed_metrics - used_metrics <= {"exifinator_extractor_version"}
