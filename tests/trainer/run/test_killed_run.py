"""`rlmr train` as a user starts it: two policy ranks, two engines, ZeRO; killed with SIGKILL in the middle, resumed, finished, reported."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import yaml

from tests.trainer import cut_off
from tests.trainer.grpo.test_openrlhf_run import median_words
from trainer.run.ledger import Ledger

if TYPE_CHECKING:
    from trainer.world.build import World

pytestmark = [pytest.mark.openrlhf, pytest.mark.timeout(900)]

BATCH, N = 4, 4
STEPS = {2: 4, 3: 3}
"""By ZeRO stage; one is left for the resumed run in any case."""


def write_preset(folder: Path, world: "World", zero_stage: int) -> Path:
    """The embedded preset on the small world's files, with two of everything and a checkpoint every step."""
    from trainer.run.presets import load_preset

    words = {
        "type": "length_constraints:number_words",
        "kwargs": {"relation": "at least", "num_words": median_words(world)},
    }
    for name, source in (("train", world.prompts_train), ("eval", world.prompts_eval)):
        rows = [json.loads(line) for line in source.read_text().splitlines()]
        for row in rows:
            label = row["label"] if isinstance(row["label"], dict) else json.loads(row["label"])
            row["label"] = {**label, "constraints": [words]}
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    embedded = load_preset("embedded").model_dump(mode="json", exclude_none=True)
    preset = {
        **embedded,
        "name": "killed",
        "model": str(world.policy),
        "prompts": str(folder / "train.jsonl"),
        "eval_prompts": str(folder / "eval.jsonl"),
        "writing_rm_dir": str(world.writing_rm),
        "steps": STEPS[zero_stage],
        "batch": BATCH,
        "n": N,
        "updates": 1,
        "eval": {"prompts": 5, "samples": 1},
        "service_settings": cut_off.NO_VIOLATION,
        "openrlhf": {
            **embedded["openrlhf"],
            "actor.num_gpus_per_node": 2,
            "vllm.num_engines": 2,
            "ds.zero_stage": zero_stage,
            "rollout.micro_batch_size": 4,
            "train.micro_batch_size": 4,
            "ckpt.save_steps": 1,
        },
    }
    path = folder / "killed.yaml"
    path.write_text(yaml.safe_dump(preset))
    return path


@contextmanager
def started(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rlmr", "train", *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
        )
    try:
        yield process
    finally:
        kill_tree(process.pid)
        process.wait()


def kill_tree(pid: int) -> None:
    """SIGKILL to the process and everything it started: what a node that loses its power does."""
    try:
        root = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    for process in [*root.children(recursive=True), root]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@dataclass
class Run:
    steps: int
    folder: Path
    made_before: int
    ledger: Ledger
    summary: dict[str, Any]


@pytest.fixture(scope="module", params=[2, 3], ids=lambda stage: f"zero{stage}")
def run(request: pytest.FixtureRequest, small_world: "World", tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("killed")
    preset, folder, log = write_preset(home, small_world, request.param), home / "runs" / "r", home / "log"
    latest = folder / "checkpoints" / "_actor" / "latest"
    with started("--preset", str(preset), "--runs", str(home / "runs"), "--name", "r", log=log) as process:
        while not (latest.is_file() and len(Ledger(folder).refresh().steps) >= 2):
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.1)
        kill_tree(process.pid)
    made = len(Ledger(folder).refresh().steps)
    assert not (folder / "summary.json").exists()
    with started("--resume", str(folder), log=log) as process:
        assert process.wait(timeout=600) == 0, log.read_text()[-3000:]
    summary = json.loads((folder / "summary.json").read_text())
    return Run(STEPS[request.param], folder, made, Ledger(folder).refresh(), summary)


def test_the_run_goes_on_after_its_last_checkpoint(run: Run) -> None:
    resumed = json.loads((run.folder / "resumes.jsonl").read_text())
    assert 1 <= resumed["after_step"] <= run.made_before < run.steps


def test_all_steps_are_made_once(run: Run) -> None:
    assert [step["step"] for step in run.ledger.updates] == list(range(1, run.steps + 1))
    assert [row["step"] for row in run.ledger.advantages] == list(range(1, run.steps + 1))
    assert run.ledger.trained() == run.steps * BATCH == run.summary["groups"]["trained"]
    assert run.summary["samples"] == run.steps * BATCH * N
    for step in range(1, run.steps + 1):
        kept = [g["prompt_id"] for g in run.ledger.training_groups if g["step"] == step and g["decision"] == "train"]
        assert len(kept) == len(set(kept)) == BATCH
    assert len(list(run.ledger.whole_groups())) == len(run.ledger.training_groups)


def test_no_violator_has_a_positive_advantage(run: Run) -> None:
    assert run.summary["violators"] > 0
    assert run.summary["violators_with_positive_advantage"] == 0


def test_the_run_is_evaluated_and_reported(run: Run) -> None:
    assert run.summary["before"]["responses"] == run.summary["after"]["responses"] == 5
    assert (run.folder / "report.html").stat().st_size > 10_000
    assert len((run.folder / "metrics.jsonl").read_text().splitlines()) == run.steps


def test_the_policy_loads(run: Run) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    policy = AutoModelForCausalLM.from_pretrained(run.folder / "policy")
    assert all(torch.isfinite(value).all() for value in policy.state_dict().values())
