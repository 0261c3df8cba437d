"""Real trainers in environments of their own. Without `make test-adapters` those tests are skipped, with the reason."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rlmr.adapters.environments import ROOT, interpreter

Run = Callable[..., dict[str, Any]]


def run_in(trainer: str, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The result of {trainer}_run.py. Skips where its environment is absent; fails with what the run said."""
    python = interpreter(trainer)
    if python is None:
        pytest.skip(f"no environment for {trainer}: `make test-adapters` builds it")
    given, out = folder / f"{trainer}.json", folder / f"{trainer}-out.json"
    given.write_text(json.dumps(spec))
    env = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
    env |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"}
    script = Path(__file__).with_name(f"{trainer}_run.py")
    run = subprocess.run(
        [str(python), str(script), str(given), str(out)], env=env, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-6000:]}"
    result: dict[str, Any] = json.loads(out.read_text())
    result["said"] = run.stdout + run.stderr
    return result


@pytest.fixture
def trl_run(tmp_path: Path) -> Run:
    return lambda **spec: run_in("trl", spec, tmp_path)


@pytest.fixture
def verl_run(tmp_path: Path) -> Run:
    return lambda **spec: run_in("verl", spec, tmp_path)
