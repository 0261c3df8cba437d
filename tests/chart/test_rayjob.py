"""The RayJob examples fit the release that they train against, and the presets that they run."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.rayjobs import PRESETS, rayjob
from deploy.render import ROOT, render
from tests.chart import kubernetes_schemas
from tests.chart.variants import VARIANTS
from trainer.grpo.flags import openrlhf_flags
from trainer.run.cluster_needs import gpus
from trainer.run.presets import load_preset

JOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy/k8s/examples/rayjob.yaml").read_text())


JOBS: dict[str, dict[str, Any]] = {
    "paper": JOB,
    **{preset: yaml.safe_load(rayjob(preset)) for preset in PRESETS},
}


def templates(job: dict[str, Any] = JOB) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"]["template"], *(g["template"] for g in cluster["workerGroupSpecs"])]


def settings(job: dict[str, Any] = JOB) -> dict[str, str]:
    words = job["spec"]["entrypoint"].split()
    assert words[:3] == ["rlmr", "train", "--preset"]
    return dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--set")


def test_it_calls_the_aggregator_of_the_release() -> None:
    (service,) = [d for d in render({}) if d["kind"] == "Service" and d["metadata"]["name"].endswith("-aggregator")]
    assert settings()["reward_url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert JOB["metadata"]["namespace"] == service["metadata"]["namespace"]


def test_its_command_is_one_that_the_trainer_accepts() -> None:
    chosen = load_preset("paper", [f"{key}={value}" for key, value in settings().items()])
    assert chosen.reward_url == settings()["reward_url"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_manifest_of_a_preset_is_the_generated_one(preset: str) -> None:
    path = ROOT / "deploy/k8s/examples" / f"rayjob-{preset}.yaml"
    assert path.read_text() == rayjob(preset), "run make manifests"


def test_every_preset_on_gpus_has_one() -> None:
    here = {path.stem for path in (ROOT / "trainer/run/presets").glob("*.yaml")}
    assert set(JOBS) == here - {"embedded", "real"}


@pytest.mark.parametrize("preset", JOBS)
def test_it_has_the_gpus_that_its_preset_takes(preset: str) -> None:
    job = JOBS[preset]
    assert f"--preset {preset} " in job["spec"]["entrypoint"] + " "
    chosen = load_preset(preset, [f"{key}={value}" for key, value in settings(job).items()])
    flags = openrlhf_flags(chosen, model="m", prompts=ROOT, output=ROOT, eval_prompts=None)
    cluster = job["spec"]["rayClusterSpec"]
    counts = [1, *(group["replicas"] for group in cluster["workerGroupSpecs"])]
    limits = [t["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for t in templates(job)]
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
