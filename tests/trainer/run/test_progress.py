"""How a run tells of itself where nobody watches: whole lines, every ten steps and at the end."""

import io
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from tests.trainer.run.test_watching import group, write
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
