"""Wrong values are refused before anything is created, with the field and what is allowed in the message."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest

from deploy.render import CHART, merge, render, values_of
from tests.chart.variants import MODELS, VARIANTS


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


EVERYTHING = {"path": "/", "pathType": "Prefix"}
KEY: dict[str, Any] = {"auth": {"existingSecret": "keys"}}


def complaint(values: dict[str, Any]) -> str:
    with pytest.raises(helm.HelmError) as caught:
        render(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("writingRM", {}, ["writingRM"]),
        ("aggregator.replica", 2, ["/aggregator", "replica"]),
        ("aggregator.replicas", "two", ["/aggregator/replicas", "integer"]),
        ("aggregator.replicas", -1, ["/aggregator/replicas", "minimum"]),
        ("aggregator.settings.gamma", "0.1", ["/aggregator/settings", "gamma"]),
        ("aggregator.settings", {"GAMMA": [1]}, ["/aggregator/settings/GAMMA"]),
        ("aggregator.extraEnv", [{"value": "x"}], ["/aggregator/extraEnv/0", "name"]),
        ("aggregator.service.type", "ExternalName", ["/aggregator/service/type", "ClusterIP"]),
        ("aggregator.resources.limit", {}, ["/aggregator/resources", "limit"]),
        ("aggregator.autoscaling.type", "both", ["/aggregator/autoscaling/type", "'none', 'hpa', 'keda'"]),
        ("aggregator.autoscaling.enabled", True, ["/aggregator/autoscaling", "enabled"]),
        ("aggregator.autoscaling.target", 0, ["/aggregator/autoscaling/target"]),
        ("aggregator.pdb.maxUnavailable", 0, ["/aggregator/pdb/maxUnavailable"]),
        ("aggregator.pdb.maxUnavailable", "many", ["/aggregator/pdb/maxUnavailable"]),
        ("aggregator.image.digest", "sha256:abc", ["/aggregator/image/digest", "pattern"]),
        ("aggregator.model", {}, ["/aggregator", "model"]),
        ("verifier.judge.type", "yes", ["/verifier/judge/type", "'none', 'engine', 'pool', 'url'"]),
        ("verifier.judge.url", "judge:8000", ["/verifier/judge/url"]),
        ("verifier.judge.mode", "all", ["/verifier/judge/mode", "'verdict', 'yes_no', 'paper'"]),
        ("verifier.judge.sampling.seed", "none", ["/verifier/judge/sampling/seed"]),
        ("verifier.judge.sampling.temperature", -1, ["/verifier/judge/sampling/temperature"]),
        ("verifier.judge.votes", 0, ["/verifier/judge/votes", "minimum"]),
        ("verifier.judge.prompts", "x", ["/verifier/judge", "prompts"]),
        ("writingRm.model.source", "huggingface", ["/writingRm/model/source", "'hub', 'pvc', 'image', 'path'"]),
        ("writingRm.model.path", "relative/dir", ["/writingRm/model/path"]),
        ("writingRm.engine.type", "tgi", ["/writingRm/engine/type", "'torch', 'sglang', 'vllm'"]),
        ("writingRm.engine.shmSize", "lots", ["/writingRm/engine/shmSize"]),
        ("auth.apiKey", "secret", ["/auth", "apiKey"]),
        ("networkPolicy.aggregatorFrom", "all", ["/networkPolicy/aggregatorFrom", "array"]),
        ("ingress.hosts", [{"host": "a"}], ["/ingress/hosts/0", "paths"]),
        ("httpRoute.timeout", "2 minutes", ["/httpRoute/timeout"]),
        ("monitoring.prometheusUrl", "prometheus:9090", ["/monitoring/prometheusUrl"]),
    ],
)
def test_schema_refuses(path: str, value: Any, said: list[str]) -> None:
    message = complaint(nested(path, value))
    for part in said:
        assert part in message, message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            nested("aggregator.terminationGracePeriodSeconds", 70),
            ["aggregator.terminationGracePeriodSeconds is 70", "= 70"],
        ),
        (nested("verifier.drainSeconds", 30), ["verifier.terminationGracePeriodSeconds"]),
        (
            nested("verifier.autoscaling", {"type": "hpa", "minReplicas": 5, "maxReplicas": 2}),
            ["verifier.autoscaling.minReplicas (5) is above maxReplicas (2)"],
        ),
        (nested("verifier.autoscaling", {"type": "hpa", "minReplicas": 0}), ["keda", "cannot start from zero"]),
        (nested("aggregator.autoscaling", {"type": "keda", "minReplicas": 0}), ["aggregator.autoscaling.minReplicas"]),
        (nested("writingRm.model.source", "hub"), ["writingRm.model.hub.repository"]),
        (
            nested("writingRm.model", {"source": "hub", "hub": {"repository": "a/b"}}),
            ["hub.revision is empty", "commit"],
        ),
        (nested("writingRm.model.source", "pvc"), ["writingRm.model.pvc.claimName"]),
        (nested("writingRm.model.source", "path"), ["writingRm.model.path"]),
        (nested("writingRm.engine.type", "sglang"), ["writingRm.engine.image.repository", "values-gpu.yaml"]),
        (
            nested("writingRm.engine", {"type": "sglang", "image": {"repository": "x"}}),
            ["writingRm.engine.image needs a tag or a digest"],
        ),
        (nested("verifier.judge.type", "url"), ["verifier.judge.url and verifier.judge.model"]),
        (nested("verifier.judge.votes", 3), ["verifier.judge.votes is 3", "verifier.judge.sampling.temperature"]),
        (
            nested("verifier.judge", {"mode": "yes_no", "thinking": "on"}),
            ["verifier.judge.mode yes_no", "thinking off"],
        ),
        (merge(KEY, nested("httpRoute.enabled", True)), ["httpRoute.parentRefs"]),
        (
            nested("writingRm.model", {"source": "hub", "hub": {"repository": "a/b", "revision": "main"}}),
            ["writingRm.model.hub.revision", "main", "can move", "allowMovingRevision"],
        ),
        (nested("writingRm.model.image.tag", "latest"), ["writingRm.model.image.tag latest can move"]),
        (
            merge(VARIANTS["gpu"], nested("writingRm.engine.tensorParallel", 2)),
            ["writingRm.engine.tensorParallel is 2", "nvidia.com/gpu: 1"],
        ),
        (merge(VARIANTS["gpu"], nested("writingRm.engine.port", 8001)), ["writingRm.engine.port 8001", "same pod"]),
        (
            merge(VARIANTS["gpu"], nested("verifier.model.source", "image")),
            ["verifier.model.image.repository is rlmr-story-world", "cannot judge"],
        ),
        (
            nested("writingRm.autoscaling", {"type": "keda", "minReplicas": 0}),
            ["nothing scrapes", "monitoring.serviceMonitor.enabled", "scrapedElsewhere"],
        ),
        (
            merge(
                nested("aggregator.autoscaling.type", "hpa"),
                nested("aggregator.resources", {"requests": {"cpu": None}}),
            ),
            ["aggregator.resources.requests.cpu"],
        ),
        (nested("ingress.enabled", True), ["auth.existingSecret", "allowOutsideWithoutKey"]),
        (
            merge(KEY, nested("ingress", {"enabled": True, "hosts": [{"host": "a", "paths": [EVERYTHING]}]})),
            ["also opens /metrics"],
        ),
        (
            merge(VARIANTS["everything"], nested("networkPolicy.ingressFrom", [])),
            ["networkPolicy.aggregatorFrom", "networkPolicy.ingressFrom"],
        ),
        (
            merge(KEY, nested("httpRoute", {"enabled": True, "parentRefs": [{"name": "g"}], "timeout": "2m"})),
            ["httpRoute.timeout is 2m", "170"],
        ),
        (nested("aggregators.b.writingRm", "v2"), ["aggregators.b asks the reward model", "v2", "writingRms"]),
        (nested("writingRm.enabled", False), ["writingRm.enabled is false", "writingRm.externalUrl"]),
        (nested("writingRms.b.replicas", 2.5), ["/writingRms/b/replicas"]),
        (nested("aggregators", {"B_": {}}), ["/aggregators", "B_"]),
        (nested("fullnameOverride", "rlmr.stories"), ["/fullnameOverride", "pattern"]),
        (nested("nameOverride", "rlmr.stories"), ["/nameOverride", "pattern"]),
        (
            merge(VARIANTS["judge-pool"], nested("verifier.judge.pool.autoscaling.type", "hpa")),
            ["verifier.judge.pool.autoscaling.type hpa", "keda"],
        ),
        (
            merge(VARIANTS["long-names"], nested("writingRms", {"a-long-name-of-a-model": {}})),
            ["longer than the 63 characters", "fullnameOverride"],
        ),
        (values_of(["values-gpu.yaml"]), ["model.hub.repository"]),
        (
            merge(VARIANTS["gpu"], nested("verifier.engine.type", "torch")),
            ["verifier.engine.type torch has no container"],
        ),
    ],
)
def test_rules_between_fields_are_refused_with_the_remedy(values: dict[str, Any], said: list[str]) -> None:
    message = complaint(values)
    for part in said:
        assert part in message, message


def test_the_schema_knows_every_default() -> None:
    """Each key of values.yaml is named in the schema, and the schema has no key that values.yaml does not explain."""
    with helm.Chart.load(CHART) as chart:
        schema, values = chart.schema, chart.values
    assert schema is not None
    definitions = schema["definitions"]

    def keys(node: dict[str, Any], prefix: str) -> set[str]:
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[1]]
        found: set[str] = set()
        for key, child in node.get("properties", {}).items():
            found |= {f"{prefix}{key}"} | keys(child, f"{prefix}{key}.")
        return found

    def value_keys(node: Any, prefix: str) -> set[str]:
        found: set[str] = set()
        if isinstance(node, dict):
            for key, child in node.items():
                found |= {f"{prefix}{key}"} | value_keys(child, f"{prefix}{key}.")
        return found

    known, given = keys(schema, ""), value_keys(values, "")
    free = (".requests", ".limits", "SecurityContext", ".labels.", ".annotations.")
    assert {k for k in given - known if not any(part in k for part in free)} == set()
    # A pool takes what it does not name from the verifier; a strategy is a Deployment's.
    inherited = ("verifier.judge.pool.",)
    missing = {k for k in known - given if not k.startswith(inherited) and ".strategy." not in k}
    missing = {k for k in missing if not k.endswith((".requests", ".limits", ".claims", ".selectPolicy"))}
    assert missing == set()


def test_the_schema_is_one_that_every_helm_3_and_4_reads() -> None:
    with helm.Chart.load(CHART) as chart:
        assert chart.schema is not None
        assert chart.schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_gpu_overlay_needs_nothing_but_the_two_models() -> None:
    assert render(values_of(["values-gpu.yaml"], MODELS))
