"""What a run of `rlmr train` made of its policy, from the folder it left: its two evaluations, its texts, its groups.

An interval resamples prompts: four answers to a prompt are not four prompts.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json
from rlmr.wire import ChatMessage
from services.verifier.constraints import check
from trainer.data.pairs import Answer
from trainer.data.prompts import read_prompts
from trainer.data.similarity import language_of
from trainer.evaluation.benchmark import Measure
from trainer.evaluation.intervals import difference, estimate
from trainer.evaluation.texts import WordClassifier, describe
from trainer.onset.guarding import read_onset

Row = dict[str, Any]
FIGURES: dict[str, Callable[[Row], float]] = {
    "compliance": lambda row: float(not row["violated"]),
    "writing_score": lambda row: row["writing"],
    "response_tokens": lambda row: row["tokens"],
}


def evaluations(run: Path) -> tuple[list[Row], list[Row]]:
    """Rows before and after training. Raises Mistake."""
    before, after = (_read(run / f"{when}.json")["rows"] for when in ("before", "after"))
    return before, after


def describe_run(
    run: Path, before: Sequence[Row], after: Sequence[Row], classifier: WordClassifier | None = None
) -> dict[str, Any]:
    """Everything the table shows, of the run and its `evaluations`. Raises Mistake if `run` is not a finished run."""
    summary = _read(run / "summary.json")
    constraints = {row["prompt_id"]: row["constraints"] or [] for row in read_prompts(run / "prompts_eval.jsonl")}
    found = {name: _change(before, after, of) for name, of in FIGURES.items()}
    for kind in ("floor", "ceiling"):
        old, new = (_met(rows, constraints, kind) for rows in (before, after))
        found[f"{kind}s_met"] = _change(old, new, lambda row: row["met"])
    if classifier is not None:
        score = classifier.log_odds
        found["held_back"] = _change(before, after, lambda row: float(score(row["response"]) > 0))
    texts = {
        when: describe(answers(rows), classifier).as_dict() for when, rows in (("before", before), ("after", after))
    }
    onset = read_onset(run)
    return {
        "run": run.name,
        **{name: summary[name] for name in ("strategy", "seed", "steps", "wall_seconds", "groups")},
        "rewarded_violators": [summary["violators_with_positive_advantage"], summary["violators"]],
        "figures": found,
        "texts": texts,
        "onset": onset.told() if onset else None,
    }


def _met(rows: Sequence[Row], constraints: dict[str, list[Row]], kind: str) -> list[Row]:
    """Of the rows whose prompt has constraints that pull this way, how many of these they meet: 1 all, 0 none."""
    found = []
    for row in rows:
        asked = [c for c in constraints[row["prompt_id"]] if side(c) == kind]
        passed = [check(c["type"], c["kwargs"], row["prompt"], row["response"]).passed for c in asked]
        if asked:
            found.append(row | {"met": sum(passed) / len(passed)})
    return found


def side(constraint: Row) -> str:
    """Which way a constraint pulls: a floor (at least), a ceiling (at most), both, or neither."""
    floor, ceiling = (name in (constraint.get("kwargs") or {}) for name in ("min", "max"))
    return "both" if floor and ceiling else "floor" if floor else "ceiling" if ceiling else "neither"


def answers(rows: Iterable[Row]) -> list[Answer]:
    """An evaluation's rows as answers, for texts.py."""
    return [
        Answer([ChatMessage(role="user", content=row["prompt"])], row["response"], language_of(row["response"]), None, row["prompt_id"])
        for row in rows
    ]  # fmt: skip


def _change(before: Sequence[Row], after: Sequence[Row], of: Callable[[Row], float]) -> dict[str, Any] | None:
    """Means with their intervals and, over the prompts that both have, the difference; None where one side has no rows."""
    if not before or not after:
        return None
    old, new = _measure(before, of), _measure(after, of)
    moved = difference(new, old)
    return {
        **{when: _triple(estimate(measure)) for when, measure in (("before", old), ("after", new))},
        "difference": _triple(moved) if moved else None,
        "prompts": len(new.units),
    }


def _measure(rows: Sequence[Row], of: Callable[[Row], float]) -> Measure:
    units: dict[str, tuple[float, float]] = {}
    for row in rows:
        total, count = units.get(row["prompt_id"], (0.0, 0.0))
        units[row["prompt_id"]] = (total + of(row), count + 1)
    return Measure("", units)


def _triple(found: Any) -> list[float | None]:
    return [None if v is None else round(v, 4) for v in (found.value, found.low, found.high)]


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, dict)
    except Mistake as exc:
        raise Mistake(f"{exc}: name the folder of a finished run with an evaluation") from exc


def table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown, a column a run; each cell before -> after, under compliance and score also the difference with its interval."""
    lines = [["run", *(run["run"] for run in found)], ["---"] * (len(found) + 1)]
    lines += [[name, *map(cell, found)] for name, cell in LINES.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _moved(name: str, form: str) -> Callable[[dict[str, Any]], str]:
    def cell(run: dict[str, Any]) -> str:
        change = run["figures"].get(name)
        return f"{form.format(change['before'][0])} -> {form.format(change['after'][0])}" if change else "-"

    return cell


def _difference(name: str, form: str, unit: float = 1.0) -> Callable[[dict[str, Any]], str]:
    def cell(run: dict[str, Any]) -> str:
        change = (run["figures"].get(name) or {}).get("difference")
        if not change:
            return "-"
        value, low, high = ("?" if v is None else form.format(unit * v) for v in change)
        return f"{value} ({low} to {high})"

    return cell


def _described(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda run: f"{run['texts']['before'][name]:.2f} -> {run['texts']['after'][name]:.2f}"


def _dropped(run: dict[str, Any]) -> str:
    dropped = sum(run["groups"]["dropped"].values())
    return f"{dropped} of {dropped + run['groups']['trained']}"


LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "compliance": _moved("compliance", "{:.0%}"),
    "its change, points": _difference("compliance", "{:+.0f}", 100),
    "writing score": _moved("writing_score", "{:+.2f}"),
    "its change": _difference("writing_score", "{:+.2f}"),
    "tokens": _moved("response_tokens", "{:.0f}"),
    "floors met": _moved("floors_met", "{:.0%}"),
    "ceilings met": _moved("ceilings_met", "{:.0%}"),
    "held back: taken for strong": _moved("held_back", "{:.0%}"),
    "distinct-2": _described("distinct_2"),
    "sibling overlap": _described("sibling_overlap"),
    "violators rewarded": lambda run: "{} of {}".format(*run["rewarded_violators"]),
    "groups dropped": _dropped,
    "onset alarm": lambda run: (run["onset"] or "none").split(":")[0].replace("reward hacking ", ""),
}
