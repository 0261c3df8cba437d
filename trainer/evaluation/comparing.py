"""`rlmr eval compare`: two or more runs of one benchmark, paired by prompt. Results of different judges are not compared."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json
from trainer.data.rows import write_text
from trainer.evaluation.benchmark import Measure
from trainer.evaluation.intervals import difference, estimate
from trainer.evaluation.results import interval, render
from trainer.evaluation.run_folder import differing, identity, read_settings

SAME = ("benchmark", "revision", "data.sha256", "options", "judge")
"""Settings without which two figures are not of the same thing."""


def compare_runs(runs: Sequence[Path]) -> dict[str, Any]:
    """{runs, rows: [{name, share, of: [estimate per run], less: [paired estimate of run - first run, or None]}]}. Raises Mistake."""
    if len(runs) < 2:
        raise Mistake("name two runs or more")
    settings = [read_settings(run) for run in runs]
    for run, other in zip(runs[1:], settings[1:], strict=True):
        names = differing(settings[0], other)
        wrong = [n for n in names if any(n == same or n.startswith(f"{same}.") for same in SAME)]
        if wrong:
            raise Mistake(f"{runs[0]} and {run} do not compare: they differ in {', '.join(wrong)}")
    measures = [_measures(run) for run in runs]
    shared = [name for name in measures[0] if all(name in of for of in measures)]
    if not shared:
        raise Mistake(f"{', '.join(map(str, runs))}: they have no figure in common")
    return {
        "benchmark": settings[0]["benchmark"],
        "runs": [{"name": n, "identity": identity(of)} for n, of in zip(_short_names(runs), settings, strict=True)],
        "rows": [
            {
                "name": name,
                "share": measures[0][name].share,
                "of": [asdict(estimate(of[name])) for of in measures],
                "less": [_difference(of[name], measures[0][name]) for of in measures[1:]],
            }
            for name in shared
        ],
    }


def _short_names(runs: Sequence[Path]) -> list[str]:
    """The folders' own names where these tell them apart."""
    short = [run.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run) for run in runs]


def _difference(a: Measure, b: Measure) -> dict[str, Any] | None:
    found = difference(a, b)
    return asdict(found) if found else None


def _measures(run: Path) -> dict[str, Measure]:
    try:
        units = read_json(run / "units.json", dict)
        shares = {m["name"]: m["share"] for m in read_json(run / "results.json", dict)["measures"]}
    except (Mistake, KeyError) as exc:
        raise Mistake(f"{run}: {exc}: finish the run with the same command first") from exc
    return {name: Measure(name, {k: (n, d) for k, (n, d) in of.items()}, shares[name]) for name, of in units.items()}


def markdown(found: dict[str, Any]) -> str:
    names = [run["name"] for run in found["runs"]]
    heads = ["figure", *names, *(f"{name} - {names[0]}" for name in names[1:]), "pairs"]
    lines = [f"# {found['benchmark']}, compared", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in found["rows"]:
        pairs = "/".join(str(less["units"] if less else 0) for less in row["less"])
        cells = [
            row["name"].replace("|", "/"),
            *(shown(of, row) for of in row["of"]),
            *(shown(of, row) for of in row["less"]),
        ]
        lines.append("| " + " | ".join([*cells, pairs]) + " |")
    lines += ["", "In brackets 95 % bootstrap intervals; differences resample the prompts that both runs have."]
    return "\n".join(lines)


def shown(of: dict[str, Any] | None, row: dict[str, Any]) -> str:
    return "-" if of is None else interval({**of, "share": row["share"]})


def write_comparison(found: dict[str, Any], out: Path) -> None:
    write_text(out / "comparison.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    write_text(out / "comparison.md", markdown(found) + "\n")
    write_text(out / "index.html", render("comparison.html.jinja", found=found, shown=shown))
