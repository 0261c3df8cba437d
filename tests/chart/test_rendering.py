"""The chart renders to objects that every supported Kubernetes version accepts, unknown fields refused."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest

from deploy.render import CHART, merge, render, render_texts
from tests.chart import crd_schemas, kubernetes_schemas
from tests.chart.variants import VARIANTS

KUBE_VERSIONS = ("1.25", "1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


@pytest.mark.parametrize("name", VARIANTS)
def test_lint_finds_nothing(name: str) -> None:
    report = helm.lint(CHART, VARIANTS[name], strict=True)
    # 1 = info (no icon); everything above fails.
    assert [m for m in report["messages"] if m["severity"] > 1] == []
    assert report["errors"] == []


@pytest.mark.parametrize("kube_version", KUBE_VERSIONS)
def test_objects_fit_the_schemas_of_kubernetes(kube_version: str) -> None:
    for name, values in VARIANTS.items():
        for document in render(values, kube_version=f"{kube_version}.0"):
            if document["apiVersion"] not in crd_schemas.PACKAGES:
                assert kubernetes_schemas.faults(document, kube_version) == [], name


def test_a_misspelt_field_would_be_noticed() -> None:
    (deployment, *_) = [d for d in render({}) if d["kind"] == "Deployment"]
    bad = merge(deployment, {"spec": {"template": {"spec": {"terminationGraceSeconds": 3}}}})
    (fault,) = kubernetes_schemas.faults(bad, "1.30")
    assert "terminationGraceSeconds" in fault


def custom_resources() -> list[dict[str, Any]]:
    return [d for values in VARIANTS.values() for d in render(values) if d["apiVersion"] in crd_schemas.PACKAGES]


def crd_faults(objects: list[dict[str, Any]]) -> list[str]:
    try:
        return crd_schemas.faults(objects)
    except crd_schemas.SchemasUnavailable as reason:
        pytest.skip(str(reason))


def test_custom_resources_fit_their_published_definitions() -> None:
    objects = custom_resources()
    kinds = {o["kind"] for o in objects}
    assert kinds == {"ScaledObject", "ServiceMonitor", "PrometheusRule", "HTTPRoute"}
    assert crd_faults(objects) == []


@pytest.mark.parametrize(
    ("kind", "change", "complaint"),
    [
        ("ScaledObject", {"spec": {"pollInterval": 3}}, "pollInterval"),
        ("ScaledObject", {"spec": {"maxReplicaCount": "many"}}, "maxReplicaCount|not assignable"),
        ("ServiceMonitor", {"spec": {"endpoint": []}}, "endpoint"),
        ("HTTPRoute", {"spec": {"rules": [{"timeouts": {"request": "soon"}}]}}, "timeouts|pattern"),
    ],
)
def test_a_broken_custom_resource_would_be_noticed(kind: str, change: dict[str, Any], complaint: str) -> None:
    good = next(o for o in custom_resources() if o["kind"] == kind)
    found = crd_faults([merge(good, change)])
    assert found, f"{change} was accepted"
    assert any(part in "\n".join(found) for part in complaint.split("|"))


def test_rendering_is_deterministic() -> None:
    for values in VARIANTS.values():
        assert render_texts(values) == render_texts(values)


def test_the_api_version_range_is_enforced() -> None:
    """`helm install` on a cluster older than 1.25 stops with the chart's own range (rendering alone does not check it)."""
    with helm.Chart.load(CHART) as chart:
        assert chart.metadata["kubeVersion"] == ">=1.25.0-0"


def test_the_first_curl_of_the_notes_matches_the_release() -> None:
    notes = render_texts({"auth": {"existingSecret": "keys"}}, release="demo", namespace="here")["NOTES.txt"]
    assert "service/demo-rlmr-aggregator 8000" in notes
    assert "secret keys" in notes
    assert "Bearer $KEY" in notes
    assert "WARNING" not in notes
    assert "no key is set" in render_texts({})["NOTES.txt"]
