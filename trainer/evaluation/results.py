"""The figures of a run: results.json, results.md, index.html, and units.json for comparisons, made of the journals alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from rlmr.mistake import Mistake
from trainer.data.rows import write_text
from trainer.evaluation.benchmark import Benchmark, Item, Judged
from trainer.evaluation.intervals import LEVEL, RESAMPLES, estimate
from trainer.evaluation.judging import judged
from trainer.evaluation.run_folder import Run, identity

SHOWN = 20
"""Responses on the page, those with the lowest verdicts first."""


def results(folder: Run, benchmark: Benchmark, items: Sequence[Item], options: Mapping[str, str]) -> dict[str, Any]:
    """Raises Mistake where nothing was judged: there is no figure then."""
    rows = judged(folder, benchmark, items)
    counts = _counts(folder, rows, items)
    measures = benchmark.measures(rows, options) if counts["judged"] else []
    kept = [m for m in measures if m.units]
    if not kept:
        raise Mistake(
            f"{folder.path}: nothing was judged: {counts['missing']} prompts without a response, "
            f"{counts['unparseable']} unparseable and {counts['failed']} missing verdicts"
        )
    return {
        "identity": identity(folder.settings),
        "settings": folder.settings,
        "counts": counts,
        "interval": {"level": LEVEL, "method": "percentile bootstrap", "resamples": RESAMPLES},
        "measures": [{"name": m.name, "share": m.share, **asdict(estimate(m))} for m in kept],
        "units": {m.name: m.units for m in kept},
        "samples": _samples(folder, rows),
    }


def _counts(folder: Run, rows: Sequence[Judged], items: Sequence[Item]) -> dict[str, int]:
    asked = [(row.item.key, question) for row in rows for question in row.verdicts]
    known = [folder.verdicts.get(one) for one in asked]
    answers = [folder.responses[row.item.key] for row in rows]
    spent = [folder.verdicts[one].get("tokens", 0) for one in asked if one in folder.verdicts]
    return {
        "prompts": len(items),
        "missing": len(items) - len(rows),
        "cut_off": sum(not row.get("finished", True) for row in answers),
        "questions": len(asked),
        "judged": sum(row is not None and "value" in row for row in known),
        "unparseable": sum(row is not None and "unparseable" in row for row in known),
        "failed": sum(row is None for row in known),
        "answer_tokens": sum(row.get("tokens", 0) for row in answers),
        "judge_tokens": sum(spent),
    }


def _samples(folder: Run, rows: Sequence[Judged]) -> list[dict[str, Any]]:
    def mean(row: Judged) -> float:
        values = [v.value for v in row.verdicts.values() if v is not None]
        return sum(values) / len(values) if values else float("inf")

    return [
        {
            "key": row.item.key,
            "prompt": row.item.messages[-1]["content"],
            "response": folder.responses[row.item.key]["response"],
            "verdicts": [
                {"question": id, "value": v.value if v else None, "reason": v.reason if v else "no verdict"}
                for id, v in row.verdicts.items()
            ],
        }
        for row in sorted(rows, key=mean)[:SHOWN]  # equal ones as they stand in the data
    ]


def shown(value: float | None, share: bool) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if share else f"{value:.2f}"


def interval(row: Mapping[str, Any]) -> str:
    """A figure with its interval, as everything of a run or a comparison is shown."""
    text = shown(row["value"], row["share"])
    if row["low"] is None:
        return text
    return f"{text} [{shown(row['low'], row['share'])}, {shown(row['high'], row['share'])}]"


def counted(counts: Mapping[str, int]) -> str:
    text = f"{counts['prompts']} prompts, {counts['judged']} of {counts['questions']} verdicts"
    for name, words in (
        ("missing", "without a response"),
        ("cut_off", "responses cut off at max_tokens"),
        ("unparseable", "verdicts unparseable"),
        ("failed", "verdicts missing"),
    ):
        text += f", {counts[name]} {words}" if counts[name] else ""
    return text


def write_results(found: dict[str, Any], out: Path) -> None:
    figures = {name: value for name, value in found.items() if name != "units"}
    write_text(out / "units.json", json.dumps(found["units"], ensure_ascii=False) + "\n")
    write_text(out / "results.json", json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    write_text(out / "results.md", markdown(found))
    write_text(out / "index.html", render("evaluation.html.jinja", found=found))


def markdown(found: dict[str, Any]) -> str:
    settings = found["settings"]
    lines = [f"# {settings['benchmark']}", "", counted(found["counts"]) + ".", f"Identity {found['identity']}.", ""]
    lines += ["| figure | value | units |", "|---|---|---|"]
    lines += [f"| {m['name'].replace('|', '/')} | {interval(m)} | {m['units']} |" for m in found["measures"]]
    lines += ["", "In brackets 95 % bootstrap intervals over the units.", "", "```json"]
    lines += [json.dumps(settings, ensure_ascii=False, indent=1), "```", ""]
    return "\n".join(lines)


def render(template: str, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("trainer.evaluation"), autoescape=select_autoescape(["html", "jinja"]), trim_blocks=True
    )
    environment.filters |= {"interval": interval, "counted": counted, "pretty": _pretty}
    return environment.get_template(template).render(**values)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
