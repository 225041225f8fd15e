"""The OpenAPI description and the API agree: schemathesis asks what the one allows, and checks the other's answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from exifinator.config import Config
from tests.integration.api_fixtures import TOKEN, Api, library, mongodb_address, run_api

# A library of its own: schemathesis requeues the failed jobs that other tests count.
__all__ = ["library", "mongodb_address"]

# The suite's own run is short; EXIFINATOR_TEST_EXAMPLES=2000 makes it thorough.
EXAMPLES = os.environ.get("EXIFINATOR_TEST_EXAMPLES", "12")


@pytest.fixture(scope="module")
def guarded_api(
    library: Config, moto_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The API as others see it, with an S3 server that has none of the buckets that schemathesis makes up."""
    changes = {"api_host": "127.0.0.2", "api_token": SecretStr(TOKEN), "redis_url": SecretStr(redis_url)}
    config = library.model_copy(update={**changes, "s3_endpoint_url": moto_url})
    with run_api(config, tmp_path_factory.mktemp("contract-api")) as running:
        yield running


def find_schemathesis() -> Path:
    program = Path(sys.executable).with_name("schemathesis")
    if program.exists():
        return program
    if os.environ.get("CI"):
        raise RuntimeError("schemathesis is missing: pip install schemathesis")
    pytest.skip("schemathesis is missing: pip install schemathesis")


# Two thousand examples of everything take longer than any other test may.
@pytest.mark.timeout(300 + 5 * int(EXAMPLES))
def test_openapi__all_checks_and_stateful__find_nothing(guarded_api: Api, tmp_path: Path) -> None:
    command = [str(find_schemathesis()), "run", f"{guarded_api.url}/openapi.json", "--checks", "all", "--seed", "1"]
    command += ["--max-examples", EXAMPLES, "--header", f"Authorization: Bearer {TOKEN}", "--no-color"]
    # With a store of examples, Hypothesis spends most of a long run on making those in it shorter.
    command += ["--generation-database", "none"]
    report = tmp_path / "schemathesis.txt"
    with report.open("wb") as out:
        run = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=out, check=False)
    said = report.read_text()
    assert run.returncode == 0, said[-6000:]
    assert "Stateful" in said


def test_openapi__every_parameter__has_an_example(guarded_api: Api) -> None:
    described = guarded_api.get("/openapi.json").json()
    without = [
        f"{path} {parameter['name']}"
        for path, operations in described["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if not (parameter.get("schema") or parameter["content"]["application/json"]["schema"]).get("examples")
    ]
    assert without == []


def test_openapi__every_operation__has_a_summary_and_the_one_error_shape(guarded_api: Api) -> None:
    described = guarded_api.get("/openapi.json").json()
    for operations in described["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert set(response["content"]) == {"application/problem+json"}
