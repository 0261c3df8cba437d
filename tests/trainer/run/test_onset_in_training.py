"""The progress display of a run also looks out for the onset of reward hacking; what goes wrong there costs the alarm, never the run."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.trainer.onset.test_guard import checkpoints, hacking_run
from trainer.onset.guarding import Guard, read_onset
from trainer.onset.sources import SourceError, source_of
from trainer.run.ledger import Ledger
from trainer.run.training import _watch


def watched(run: Path, source: Any) -> str:
    """What the display says of a run whose process ends after a second."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    console, ledger = Console(width=400, file=io.StringIO()), Ledger(run)
    _watch(process, ledger, 24, 16, console, Guard(ledger, source))
    assert process.returncode == 0
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_alarm_is_told_once_while_the_run_goes_on(tmp_path: Path) -> None:
    run = hacking_run(tmp_path / "run")
    checkpoints(run, 8)
    told = watched(run, source_of(str(run / "votes.jsonl")))
    assert told.count("warning: reward hacking since step 9") == 1
    onset = read_onset(run)
    assert onset is not None and onset.checkpoint is not None and (run / onset.checkpoint / "weights").is_file()


@pytest.mark.parametrize("error", [SourceError("the second model is away"), OSError("No space left on device")])
def test_a_signal_that_fails_is_told_once(tmp_path: Path, error: Exception) -> None:
    def source(row: dict[str, Any]) -> list[float]:
        raise error

    told = watched(hacking_run(tmp_path / "run"), source)
    assert told.count(f"no alarm at the onset of reward hacking from here on, training goes on: {error}") == 1
