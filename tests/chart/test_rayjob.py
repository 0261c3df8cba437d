"""The RayJob example fits the release that it trains against."""

from __future__ import annotations

from typing import Any

import yaml

from deploy.render import ROOT, render
from tests.chart import kubernetes_schemas
from tests.chart.variants import VARIANTS
from trainer.grpo.flags import openrlhf_flags
from trainer.run.cluster_needs import gpus
from trainer.run.presets import load_preset

JOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy/k8s/examples/rayjob.yaml").read_text())


def templates() -> list[dict[str, Any]]:
    cluster = JOB["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"]["template"], *(g["template"] for g in cluster["workerGroupSpecs"])]


def settings() -> dict[str, str]:
    words = JOB["spec"]["entrypoint"].split()
    assert words[:3] == ["rlmr", "train", "--preset"]
    return dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--set")


def test_it_calls_the_aggregator_of_the_release() -> None:
    (service,) = [d for d in render({}) if d["kind"] == "Service" and d["metadata"]["name"].endswith("-aggregator")]
    assert settings()["reward_url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert JOB["metadata"]["namespace"] == service["metadata"]["namespace"]


def test_its_command_is_one_that_the_trainer_accepts() -> None:
    chosen = load_preset("paper", [f"{key}={value}" for key, value in settings().items()])
    assert chosen.reward_url == settings()["reward_url"]


def test_it_has_the_gpus_that_its_preset_takes() -> None:
    chosen = load_preset("paper", [f"{key}={value}" for key, value in settings().items()])
    flags = openrlhf_flags(chosen, model="m", prompts=ROOT, output=ROOT, eval_prompts=None)
    cluster = JOB["spec"]["rayClusterSpec"]
    counts = [1, *(group["replicas"] for group in cluster["workerGroupSpecs"])]
    limits = [t["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for t in templates()]
    assert sum(n * gpu for n, gpu in zip(counts, limits, strict=True)) == sum(gpus(flags).values())


def test_its_pods_may_call_a_production_release_with_its_key() -> None:
    documents = render(VARIANTS["production-gpu"])
    (policy,) = [d for d in documents if d["kind"] == "NetworkPolicy" and d["metadata"]["name"].endswith("-aggregator")]
    peers = policy["spec"]["ingress"][0]["from"]
    wanted = peers[0]["podSelector"]["matchLabels"]
    secret = next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][0][
        "env"
    ][0]
    for template in templates():
        assert wanted.items() <= template["metadata"]["labels"].items()
        (key,) = template["spec"]["containers"][0]["env"]
        assert key["name"] == secret["name"]
        assert secret["valueFrom"]["secretKeyRef"].items() <= key["valueFrom"]["secretKeyRef"].items()


def test_its_pods_are_valid() -> None:
    for i, template in enumerate(templates()):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{i}"}, "spec": template["spec"]}
        assert kubernetes_schemas.faults(pod, "1.30") == []
