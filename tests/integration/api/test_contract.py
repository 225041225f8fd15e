"""Check the API against its OpenAPI description: schemathesis generates requests and checks the responses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exifinator.config import Config
from tests.integration.api.fixtures import TOKEN, Api, WireApi, copy_library, guarded, serve_api
from tests.servers import run_moto

# The number of examples per operation. EXIFINATOR_TEST_EXAMPLES=2000 makes the test thorough.
EXAMPLES = os.environ.get("EXIFINATOR_TEST_EXAMPLES", "12")
SHORT_RUN = ["--config-file", str(Path(__file__).with_name("schemathesis.toml"))]


@pytest.fixture(scope="module")
def contract_api(library: Config, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireApi]:
    """Yield the API on a socket, with an S3 server that has no bucket.

    No other test uses this library and this S3 server: schemathesis requeues the failed jobs that other tests count,
    and in a bucket of another test it would start batches, which DELETE cancels but does not delete. The API is on a
    socket, because schemathesis runs in a separate process.
    """
    with copy_library(library) as own, run_moto(tmp_path_factory.mktemp("contract")) as s3_url:
        config = guarded(own).model_copy(update={"s3_endpoint_url": s3_url, "redis_url": SecretStr(redis_url)})
        with serve_api(config) as running:
            yield running


def find_schemathesis() -> Path:
    program = Path(sys.executable).with_name("schemathesis")
    if program.exists():
        return program
    if os.environ.get("CI"):
        raise RuntimeError("schemathesis is missing: pip install schemathesis")
    pytest.skip("schemathesis is missing: pip install schemathesis")


# Two thousand examples of each operation take longer than the time limit of a test.
@pytest.mark.timeout(900 + 5 * int(EXAMPLES))
def test_openapi__all_checks_of_schemathesis__pass(contract_api: WireApi, tmp_path: Path) -> None:
    command = [str(find_schemathesis()), *(SHORT_RUN if int(EXAMPLES) < 100 else [])]
    command += ["run", f"{contract_api.url}/openapi.json", "--checks", "all"]
    command += ["--max-examples", EXAMPLES, "--header", f"Authorization: Bearer {TOKEN}", "--no-color"]
    # Use the same examples in each run, none from earlier runs, and no time limit.
    command += ["--generation-deterministic", "--request-timeout", "600"]
    report = tmp_path / "schemathesis.txt"
    with report.open("wb") as out:
        run = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=out, check=False)
    text = report.read_text()
    assert run.returncode == 0, text[-6000:]
    assert "Stateful" in text


def read_document(api: Api) -> dict[str, Any]:
    document: dict[str, Any] = api.client.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    return document


def test_openapi__every_parameter__has_an_example(guarded_api: Api) -> None:
    described = read_document(guarded_api)
    without = [
        f"{path} {parameter['name']}"
        for path, operations in described["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if not (parameter.get("schema") or parameter["content"]["application/json"]["schema"]).get("examples")
    ]
    assert without == []


def test_openapi__every_operation__has_a_summary_and_problem_json_errors(guarded_api: Api) -> None:
    described = read_document(guarded_api)
    for operations in described["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert set(response["content"]) == {"application/problem+json"}
