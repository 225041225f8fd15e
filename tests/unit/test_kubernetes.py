"""The manifests in deploy/kubernetes follow the schemas, and run existing commands with valid settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from api.routes import health

# These modules import urllib3, which opens a socket at its import. Unit tests may not, so import them here.
from exifinator.cli import run, watch  # noqa: F401
from exifinator.cli.main import main
from exifinator.config import ROOT, build_config

FOLDER = ROOT / "deploy" / "kubernetes"
GUIDE = ROOT / "docs" / "how-to" / "kubernetes.md"
OVERLAYS = sorted(path.parent.name for path in FOLDER.glob("*/kustomization.yaml"))
# The oldest version whose podFailurePolicy needs no onPodConditions, and the newest one that the schemas cover.
VERSIONS = ("1.29", ".".join(kubernetes_validate.latest_version().split(".")[:2]))
# Plausible values of the Secret.
SECRETS = {
    "EXIFINATOR_REDIS_URL": "rediss://:secret@redis.example.org:6380/0",
    "EXIFINATOR_MONGODB_URI": "mongodb://exifinator:secret@mongodb.example.org/?replicaSet=rs0",
    "EXIFINATOR_API_TOKEN": "a-long-token",
    "EXIFINATOR_DASHBOARD_AUTH": "waldo:secret",
    "EXIFINATOR_AWS_ACCESS_KEY": "",
    "EXIFINATOR_AWS_SECRET_KEY": "",
    "EXIFINATOR_EVENTS_SQS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/photos",
}


def read_kustomization(folder: Path) -> dict[str, Any]:
    kustomization: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    known = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "images"}
    assert kustomization.keys() <= known, "build() does not support the other keys"
    return kustomization


def build(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a kustomization, as kustomize does. Supports only the keys in read_kustomization."""
    for resource in read_kustomization(folder)["resources"]:
        path = folder / resource
        if path.is_dir():
            yield from build(path.resolve())
        else:
            yield from filter(None, yaml.safe_load_all(path.read_text()))


def pod_spec(document: dict[str, Any]) -> dict[str, Any] | None:
    spec = document.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod: dict[str, Any] | None = spec.get("template", {}).get("spec")
    return pod


def all_objects() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted(FOLDER.glob("*/*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]


PODS = [pytest.param(pod, id=f"{o['kind']}-{o['metadata']['name']}") for o in all_objects() if (pod := pod_spec(o))]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_overlay__every_object__follows_the_schema(overlay: str, version: str) -> None:
    objects = list(build(FOLDER / overlay))
    names = [(document["kind"], document["metadata"]["name"]) for document in objects]
    assert len(set(names)) == len(names)
    for document in objects:
        if not document["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(document, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**objects[0], "sepc": {}}, version, strict=True)


def test_kustomizations__every_file__is_used() -> None:
    used = {
        (path.parent / name).resolve()
        for path in FOLDER.glob("*/kustomization.yaml")
        for name in [
            *read_kustomization(path.parent)["resources"],
            *(
                env
                for generator in read_kustomization(path.parent).get("configMapGenerator", ())
                for env in generator["envs"]
            ),
        ]
    }
    files = {path for path in FOLDER.glob("*/*") if path.name != "kustomization.yaml"}
    assert files == {path for path in used if path.is_file()}


@pytest.mark.parametrize("pod", PODS)
def test_pod__each_manifest__has_no_privileges_and_limited_memory(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    # Kubernetes would set variables such as EXIFINATOR_API_PORT for a service called exifinator-api.
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    user = re.search(r"--uid (\d+)", (ROOT / "deploy" / "Dockerfile").read_text())
    assert user
    assert pod["securityContext"]["runAsUser"] == int(user[1])
    [image] = read_kustomization(FOLDER / "base")["images"]
    assert container["image"] == image["name"]


@pytest.mark.parametrize("pod", PODS)
def test_pod__each_manifest__runs_an_existing_command_with_valid_settings(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    program, name, *arguments = container["args"]
    assert program == "exifinator"
    with click.Context(main) as context:
        command = main.get_command(context, name)
        assert command is not None
        command.make_context(name, arguments, parent=context)
    settings = dict(line.split("=", 1) for line in (FOLDER / "base" / "settings.env").read_text().splitlines())
    own = {variable["name"]: variable["value"] for variable in container.get("env", ())}
    config = build_config({}, {**settings, **SECRETS, **own})
    for port in container.get("ports", ()):
        assert port["containerPort"] == getattr(config, f"{name}_port")
        assert getattr(config, f"{name}_host") == "0.0.0.0"


@pytest.mark.parametrize("pod", PODS)
def test_pod__probes__request_existing_paths(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    ports = {port["name"] for port in container.get("ports", ())}
    probes = [value for name, value in container.items() if name.endswith("Probe")]
    assert bool(probes) == bool(ports)
    paths = {getattr(route, "path", None) for route in health.router.routes}
    for probe in probes:
        check = probe.get("httpGet") or probe["tcpSocket"]
        assert check["port"] in ports
        assert check.get("path", "/healthz") in paths


def test_services_and_disruption_budgets__selectors__match_existing_pods() -> None:
    labels = [o["spec"]["template"]["metadata"]["labels"] for o in all_objects() if o["kind"] == "Deployment"]
    selectors = [o["spec"]["selector"] for o in all_objects() if o["kind"] in ("Service", "PodDisruptionBudget")]
    assert len(selectors) == 4
    for selector in selectors:
        assert selector.get("matchLabels", selector) in labels


def test_scaled_object__target__is_a_deployment_without_replicas() -> None:
    [scaled] = [o for o in all_objects() if o["kind"] == "ScaledObject"]
    deployments = {o["metadata"]["name"]: o for o in all_objects() if o["kind"] == "Deployment"}
    # A number of replicas in the manifest would undo the scaling whenever it is applied.
    assert "replicas" not in deployments[scaled["spec"]["scaleTargetRef"]["name"]]["spec"]


def test_secrets_example__names__are_the_secret_settings() -> None:
    names = re.findall(r"^(\w+)=$", (FOLDER / "secrets.env.example").read_text(), re.MULTILINE)
    assert set(names) == SECRETS.keys() - {"EXIFINATOR_EVENTS_SQS_URL"}


def test_guide__commands__name_existing_overlays_objects_and_commands() -> None:
    text = GUIDE.read_text()
    assert set(re.findall(r"-k deploy/kubernetes/(\w+)", text)) == set(OVERLAYS)
    named = set(re.findall(r"(?:deployment|service|job|cronjob)/(\w+)", text))
    assert named <= {o["metadata"]["name"] for o in all_objects()}
    for arguments in re.findall(r"-- exifinator ([\w -]+?)(?:  |$)", text, re.MULTILINE):
        name, *rest = arguments.split()
        with click.Context(main) as context:
            command = main.get_command(context, name)
            assert command is not None, name
            command.make_context(name, rest, parent=context)
