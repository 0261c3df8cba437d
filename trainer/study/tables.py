"""results.json as Markdown, for docs and pull requests."""

from collections.abc import Iterator
from typing import Any

from trainer.study.intervals import Interval
from trainer.study.results import HEADS

FORMS = {
    "compliance": "{:.1%}",
    "compliance_unseen": "{:.1%}",
    "writing_score": "{:+.2f}",
    "true_quality": "{:.3f}",
    "late_compliance": "{:.1%}",
    "late_true_quality": "{:.3f}",
    "difference": "{:+.3f}",
    "response_tokens": "{:.0f}",
    "sibling_overlap": "{:.3f}",
    "distinct_2": "{:.3f}",
    "commonest_phrase_share": "{:.1%}",
    "rewarded_violators": "{:.1%}",
    "dropped": "{:.1%}",
}
COLUMNS = (
    "compliance",
    "late_compliance",
    "writing_score",
    "true_quality",
    "late_true_quality",
    "rewarded_violators",
    "dropped",
)


def shown(value: dict[str, Any] | None, name: str) -> str:
    """An interval of results.json in the form of its metric."""
    if value is None:
        return "-"
    return Interval(**value).shown(FORMS[name])


def tables(found: dict[str, Any]) -> str:
    """Every condition's points, and their differences to a fixed weight."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield "# Tables of the study"
    yield ""
    yield f"`rlmr study report` writes this page: {found['finished']} of {found['planned']} planned runs. Means over seeds with 95 % intervals;"
    yield "what each figure is: the end of [the page](index.html)."
    for against, points in found["over_conditions"].items():
        if points:
            yield from ("", f"## Less {against}, over all conditions that have both", "")
            compared = list(dict.fromkeys(metric for less in points.values() for metric in less))
            yield from _table(
                ["point", "conditions", *(HEADS.get(c, c.replace("_", " ")) for c in compared)],
                [
                    [
                        point,
                        str(max(map(len, less.values())) - 1),
                        *(shown(less.get(c, {}).get("over"), c) for c in compared),
                    ]
                    for point, less in points.items()
                ],
            )
    for name, condition in found["conditions"].items():
        yield from ("", f"## {name}", "")
        yield from _table(
            ["point", "seeds", *(HEADS.get(c, c.replace("_", " ")) for c in COLUMNS)],
            [
                [point, _seeds(row), *(shown(row.get(c), c) for c in COLUMNS)]
                for point, row in condition["points"].items()
            ],
        )
        for against, less in {condition["against"]: condition["differences"], **condition["also"]}.items():
            compared = [metric for metric, points in less.items() if points]
            points = sorted({point for metric in compared for point in less[metric]})
            if points:
                yield from ("", f"Less {against}, paired by seed:", "")
                yield from _table(
                    ["point", *(HEADS.get(c, c.replace("_", " ")) for c in compared)],
                    [[p, *(shown(less[c].get(p), c) for c in compared)] for p in points],
                )


def _seeds(row: dict[str, Any]) -> str:
    seeds = ", ".join(map(str, row["seeds"]))
    return seeds if row["runs"] == len(row["seeds"]) else f"{seeds} ({row['runs']} runs)"


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
