"""How a run tells of itself where nobody watches: whole lines, every ten steps and at the end."""

import io
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tests.trainer.run.test_watching import group, write
from trainer.run import training
from trainer.run.ledger import Ledger
from trainer.run.training import _watch


def told(run: Path, steps: int) -> list[str]:
    write(run, "groups", [group(i, decision="drop", reason="all_violate") for i in range(4 * steps)])
    write(run, "steps", [{"step": i + 1, "policy_loss": -0.125, "reward": 1.5} for i in range(steps)])
    out = io.StringIO()
    guard: Any = SimpleNamespace(look=lambda: None)
    with subprocess.Popen(["true"]) as process:
        process.wait()
        _watch(process, Ledger(run), steps, 4, Console(file=out, width=60), guard)
    return out.getvalue().splitlines()


def test_the_last_state_is_one_whole_line(tmp_path: Path) -> None:
    assert told(tmp_path, steps=3) == ["step 3 | loss -0.125 | reward +1.500 | violations 33% | dropped 12"]


def test_before_the_first_group_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert told(tmp_path, steps=0) == []


def test_who_interrupts_a_run_is_told_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenRLHF is started and stopped; Ctrl-C comes before its first step, of a run that was resumed."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_watch", interrupted)
    (tmp_path / "logs").mkdir()
    (tmp_path / "checkpoints" / "_actor").mkdir(parents=True)
    (tmp_path / "checkpoints" / "_actor" / "latest").write_text("global_step2")
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        training.train(
            {"rollout.batch_size": 4, "actor.num_nodes": 1, "actor.num_gpus_per_node": 1},
            tmp_path,
            reward_url="http://127.0.0.1:9",
            strategy={"name": "rlmr"},
            steps=8,
            console=Console(file=out, width=60),
        )
    assert out.getvalue() == (
        f"interrupted: made 0 of 8 steps; groups dropped: none; saved: checkpoint global_step2 (rlmr train --resume {tmp_path})\n"
    )
