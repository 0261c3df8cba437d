"""`make run` as the README tells it, shortened: two steps on the small world, through evaluation and the report."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from trainer.world.build import World

pytestmark = [pytest.mark.openrlhf, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
STEPS, BATCH, N, PROMPTS = 2, 4, 4, 5


@dataclass
class Made:
    exit_code: int
    said: str
    folder: Path
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def made(small_world: "World", tmp_path_factory: pytest.TempPathFactory) -> Made:
    runs = tmp_path_factory.mktemp("a-folder-whose-name-is-longer-than-what-a-line-of-eighty-columns-can-hold") / "runs"
    changes = {
        "model": small_world.policy,
        "prompts": small_world.prompts_train,
        "eval_prompts": small_world.prompts_eval,
        "writing_rm_dir": small_world.writing_rm,
        "steps": STEPS,
        "batch": BATCH,
        "n": N,
        "updates": 1,
        "train_on.at_most": 1,
        "eval.prompts": PROMPTS,
        "eval.samples": 1,
        "openrlhf.rollout.micro_batch_size": 8,
        "openrlhf.train.micro_batch_size": 8,
    }
    options = " ".join(["--runs", str(runs), "--name r", *(f"--set {name}={value}" for name, value in changes.items())])
    # -o install: what make would install is what this test runs in.
    command = ["make", "-o", "install", "run", f"VENV={sys.prefix}", f"RUN={options}"]
    outer = ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")  # of the `make test` that this test may run in
    env = {name: value for name, value in os.environ.items() if name not in outer}
    env |= {"COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=800, check=False)
    summary = runs / "r" / "summary.json"
    said = done.stdout + done.stderr
    return Made(done.returncode, said, runs / "r", json.loads(summary.read_text()) if summary.is_file() else {"": said})


def test_it_ends_well_and_says_where_the_report_is(made: Made) -> None:
    assert made.exit_code == 0, made.said
    assert made.said.splitlines()[-1] == f"report: {made.folder / 'report.html'}"
    assert (made.folder / "report.html").stat().st_size > 10_000


def test_nothing_else_talks(made: Made) -> None:
    """Only our own lines: no library's warning, no bar of theirs, no line broken at the edge of a terminal that is not there."""
    lines = made.said.splitlines()
    noise = ("warn", "deepspeed", "it/s", "deprecat", "…")
    assert not [line for line in lines if any(word in line.lower() for word in noise)], made.said
    told, summary = lines[: lines.index("{")], lines[lines.index("{") : -1]
    assert [line.split(":")[0].split(" |")[0] for line in told] == [
        "evaluating before",
        f"step {STEPS}",
        "evaluating after",
    ]
    assert told[0].endswith(f"({PROMPTS} responses)")
    assert told[2].endswith(f"({PROMPTS} responses)")
    assert json.loads("\n".join(summary))["steps"] == STEPS


def test_it_trained_and_evaluated(made: Made) -> None:
    assert made.summary["steps"] == STEPS
    assert made.summary["groups"]["trained"] == STEPS * BATCH
    assert made.summary["violators_with_positive_advantage"] == 0
    assert made.summary["before"]["responses"] == made.summary["after"]["responses"] == PROMPTS
    assert made.summary["before"]["response_tokens"] > 0
