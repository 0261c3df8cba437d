"""Puts the summaries of several runs side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json

COLUMNS = (
    "run",
    "strategy",
    "seed",
    "steps",
    "wall s",
    "compliance",
    "writing score",
    "world quality",
    "tokens",
    "groups dropped",
    "violators > 0",
)


class NoSummary(Mistake):
    """A folder that is not a finished run; the message says what is missing."""


def read_summary(run: Path) -> dict[str, Any]:
    path = run / "summary.json" if run.is_dir() else run
    if not path.is_file():
        raise NoSummary(f"{run}: no summary.json; give the folder of a finished run (runs/<name>)")
    summary = read_json(path, dict)
    if missing := [name for name in ("strategy", "before", "after", "groups") if name not in summary]:
        raise NoSummary(f"{path}: not the summary of a run: {', '.join(missing)} missing")
    return summary


def rows(runs: Sequence[Path]) -> list[list[str]]:
    """One row per run, in the order given; values before and after training as `0.41 -> 0.72`."""
    table = []
    for run in runs:
        s = read_summary(run)
        before, after = s["before"] or {}, s["after"] or {}
        dropped = sum(s["groups"]["dropped"].values())
        table.append(
            [
                run.resolve().name,
                _strategy(s["strategy"]),
                str(s["seed"]),
                str(s["steps"]),
                f"{s['wall_seconds']:.0f}",
                _change(before, after, "compliance", "{:.1%}"),
                _change(before, after, "writing_score", "{:+.2f}"),
                _change(before, after, "world_quality", "{:.2f}"),
                _change(before, after, "response_tokens", "{:.0f}"),
                f"{dropped} of {dropped + s['groups']['trained']}",
                f"{s['violators_with_positive_advantage']} of {s['violators']}",
            ]
        )
    return table


def markdown(table: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (COLUMNS, ["---"] * len(COLUMNS), *table)]
    return "\n".join(lines)


def _strategy(strategy: dict[str, Any]) -> str:
    parameters = ", ".join(f"{k} {v}" for k, v in strategy.items() if k != "name")
    return f"{strategy['name']} ({parameters})" if parameters else str(strategy["name"])


def _change(before: dict[str, Any], after: dict[str, Any], key: str, form: str) -> str:
    if before.get(key) is None or after.get(key) is None:
        return "-"
    return f"{form.format(before[key])} -> {form.format(after[key])}"
