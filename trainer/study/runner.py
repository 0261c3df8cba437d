"""Makes the runs of a plan that are missing. A run is finished when its JSON file is there: stop it whenever, start it again."""

import hashlib
import json
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.evaluation.judge import Judged
from trainer.run.pipeline import run_preset
from trainer.study.plan import PlanError, PlannedRun
from trainer.study.record import record


def path_of(run: PlannedRun, results: Path) -> Path:
    return results / "runs" / f"{run.id}.json"


def missing(runs: Sequence[PlannedRun], results: Path) -> list[PlannedRun]:
    return [run for run in runs if not path_of(run, results).is_file()]


def make_missing(runs: Sequence[PlannedRun], results: Path, work: Path, console: Console) -> int:
    """One after the other, in the plan's order; returns how many were made. `work`: where run folders stand while they are made.

    Raises what run_preset raises: a failed run is no result, and the next start begins with it."""
    todo = missing(runs, results)
    console.print(f"{len(runs)} runs planned, {len(runs) - len(todo)} finished, {len(todo)} to make", highlight=False)
    took: list[float] = []
    for i, run in enumerate(todo):
        left = f", about {_hours(statistics.median(took) * (len(todo) - i))} left" if took else ""
        console.print(f"[bold]run {i + 1} of {len(todo)}[/bold]: {run.id}{left}", highlight=False, soft_wrap=True)
        started = time.monotonic()
        make(run, results, work, console)
        took.append(time.monotonic() - started)
    return len(todo)


def make(run: PlannedRun, results: Path, work: Path, console: Console) -> None:
    started = time.monotonic()
    done = run_preset(
        run.preset, work, console, name=run.id, before=_before(run, work), max_prompts=run.max_prompts, overwrite=True
    )
    if done.before is None or done.after is None:
        raise PlanError(f"{run.id}: a study needs held-out evaluation: set eval_prompts in the preset")
    _keep_before(run, work, done.before)
    row = record(
        run,
        done.ledger,
        done.before,
        done.after,
        quality=done.quality,
        unseen=done.unseen,
        seconds=time.monotonic() - started,
    )
    path = path_of(run, results)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.rename(path)
    shutil.rmtree(done.folder)


def _before_path(run: PlannedRun, work: Path) -> Path:
    """The untrained policy is the same for all strategies of a seed."""
    preset = run.preset
    place = (
        f"{preset.model}-{preset.eval_prompts}-{preset.seed}-{preset.eval.model_dump_json()}-{preset.max_new_tokens}"
    )
    if preset.world_pairs is not None:  # another world: another reward model judges, and another policy begins
        place += f"-{preset.world_pairs}"
    return work / f"before-{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"


def _before(run: PlannedRun, work: Path) -> Judged | None:
    path = _before_path(run, work)
    if not path.is_file():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Judged(kept["rows"], kept["failures"])


def _keep_before(run: PlannedRun, work: Path, judged: Judged) -> None:
    _before_path(run, work).write_text(json.dumps({"rows": judged.rows, "failures": judged.failures}), encoding="utf-8")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"
