"""A KubeRay RayJob for each preset that needs GPUs, from the one of `paper` (deploy/k8s/examples/rayjob.yaml).

python deploy/rayjobs.py           write deploy/k8s/examples/rayjob-<preset>.yaml
"""

from __future__ import annotations

import re
from pathlib import Path

from trainer.grpo.flags import openrlhf_flags
from trainer.run.cluster_needs import gpus
from trainer.run.presets import load_preset

EXAMPLES = Path(__file__).resolve().parent / "k8s" / "examples"
PRESETS = ("paper-8b", "paper-72b", "one-node-8gpu", "one-gpu")
NODE = 8
"""GPUs of a node."""


def needed(preset: str) -> int:
    """GPUs that the preset's OpenRLHF flags take."""
    chosen = load_preset(preset, ["reward_url=http://rlmr-aggregator:8000", "prompts=/prompts/prompts.jsonl"])
    return sum(gpus(openrlhf_flags(chosen, model="m", prompts=EXAMPLES, output=EXAMPLES, eval_prompts=None)).values())


def rayjob(preset: str) -> str:
    """The manifest's text: as many whole nodes as the preset needs, the head's included, or one with fewer GPUs.

    Raises ValueError for a preset that does not fill its nodes."""
    count = needed(preset)
    nodes, per_node = (count // NODE, NODE) if count >= NODE else (1, count)
    if nodes * per_node != count:
        raise ValueError(f"preset {preset} takes {count} GPUs, which are not whole nodes of {NODE}")
    text = (EXAMPLES / "rayjob.yaml").read_text(encoding="utf-8")
    for old, new in (
        (r"rayjob\.yaml", f"rayjob-{preset}.yaml"),
        (r"--preset paper ", f"--preset {preset} "),
        (r"name: rlmr-train\n", f"name: rlmr-train-{preset}\n"),
        (r"nvidia\.com/gpu: \d+", f"nvidia.com/gpu: {per_node}"),
        (r"replicas: \d+  #.*", f"replicas: {nodes - 1}  # with the head's {per_node} GPUs {count}"),
        (r"(min|max)Replicas: \d+", rf"\1Replicas: {nodes - 1}"),
    ):
        text, found = re.subn(old, new, text)
        if not found:
            raise ValueError(f"rayjob.yaml has no {old}: change deploy/rayjobs.py with it")
    if nodes == 1:
        text = re.sub(
            r"    workerGroupSpecs:\n(.|\n)*", "    workerGroupSpecs: []  # the head has what the preset takes\n", text
        )
    return text


def main() -> None:
    for preset in PRESETS:
        (EXAMPLES / f"rayjob-{preset}.yaml").write_text(rayjob(preset), encoding="utf-8")


if __name__ == "__main__":
    main()
