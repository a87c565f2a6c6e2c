"""The Kubernetes manifests: built with kustomize, validated strictly, and held against what the services really are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.chassis.settings import Settings
from services.command.host import SERVICES
from tests.deploy import kustomize

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
FOLDERS = ("base", "overlays/example")
PLAIN = sorted(path for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml")
needs_kustomize = pytest.mark.skipif(
    kustomize.command() is None, reason="no kustomize (or kubectl) of version 4 or newer on PATH: the built manifests are not checked"
)

Manifest = dict[str, Any]


def built(folder: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(kustomize.build(K8S / folder)) if document]


def workloads(folder: str, kind: str) -> list[Manifest]:
    return [document for document in built(folder) if document["kind"] == kind]


def validate(document: Manifest) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: str(path.relative_to(K8S)))
def test_each_manifest_as_written_is_valid(path: Path) -> None:
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    assert documents
    for document in documents:
        validate(document)


def test_the_strict_validation_has_teeth() -> None:
    deployment = yaml.safe_load((K8S / "base/service/deployment.yaml").read_text())
    deployment["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(deployment)


@needs_kustomize
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_kustomize_builds_is_valid(folder: str) -> None:
    documents = built(folder)
    assert len(documents) > 10
    for document in documents:
        validate(document)


@needs_kustomize
@pytest.mark.parametrize("folder", FOLDERS)
def test_there_is_a_deployment_for_each_service_from_the_same_image(folder: str) -> None:
    deployments = workloads(folder, "Deployment")
    containers = {deployment["metadata"]["name"]: deployment["spec"]["template"]["spec"]["containers"][0] for deployment in deployments}
    assert {name: container["args"] for name, container in containers.items()} == {f"upheld-{name}": ["serve", name] for name in SERVICES}
    assert len({container["image"] for container in containers.values()}) == 1


@needs_kustomize
def test_every_pod_is_probed_limited_and_unprivileged() -> None:
    for document in [*workloads("overlays/example", "Deployment"), *workloads("overlays/example", "StatefulSet")]:
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


@needs_kustomize
def test_a_service_selects_only_its_own_pods() -> None:
    labels = {
        document["metadata"]["name"]: document["spec"]["template"]["metadata"]["labels"]
        for document in workloads("overlays/example", "Deployment")
    }
    for document in workloads("overlays/example", "Service"):
        selected = [name for name, found in labels.items() if document["spec"]["selector"].items() <= found.items()]
        name = document["metadata"]["name"]
        assert selected == ([name] if name.startswith("upheld-") else [])


@needs_kustomize
def test_everything_is_denied_before_it_is_allowed() -> None:
    policies = {document["metadata"]["name"]: document["spec"] for document in workloads("overlays/example", "NetworkPolicy")}
    assert policies["upheld-deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {"nats", "postgresql", "upheld-services", "upheld-names"} <= policies.keys()


def test_services_may_ask_each_other_by_both_doors() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all((K8S / "base/network.yaml").read_text())}
    services = policies["upheld-services"]
    (to_services,) = [rule for rule in services["egress"] if rule["to"] == [{"podSelector": services["podSelector"]}]]
    served = {port["port"] for port in yaml.safe_load((K8S / "base/service/service.yaml").read_text())["spec"]["ports"]}
    assert {port["port"] for port in to_services["ports"]} == served
    assert served <= {port["port"] for rule in services["ingress"] for port in rule["ports"]}


def test_the_ingress_leads_each_path_to_the_service_that_declares_it() -> None:
    ingress = yaml.safe_load((K8S / "base/ingress.yaml").read_text())
    led = {path["path"]: path["backend"]["service"]["name"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    declared = {path: f"upheld-{name}" for name in SERVICES for path in declared_paths(name)}
    assert led == declared


def declared_paths(name: str) -> tuple[str, ...]:
    from importlib import import_module

    paths: tuple[str, ...] = import_module(f"services.{name}.__main__").PATHS
    return (*paths, f"/docs/{name}", f"/openapi/{name}.json")


@needs_kustomize
def test_only_settings_that_exist_are_set() -> None:
    names = {f"UPHELD_{name.upper()}" for name in Settings.model_fields}
    documents = built("overlays/example")
    told = {
        key
        for document in documents
        if document["kind"] in ("ConfigMap", "Secret")
        for key in document.get("data", {})
        if key.startswith("UPHELD_")
    }
    assert told
    assert told <= names


def test_the_image_holds_what_the_manifests_start() -> None:
    text = (ROOT / "Containerfile").read_text()
    assert re.search(r'ENTRYPOINT \["upheld"\]', text)
    assert "USER 10001:10001" in text
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists(), name
