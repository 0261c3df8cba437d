"""notation:adds_up: the marks of a rubric, or the shares of a plan, add up to what was asked."""

import re
from collections import defaultdict
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import a_number
from services.verifier.text import Text

_AMOUNT = r"(?<![\d.\-–~～至])(\d{1,5}(?:\.\d{1,2})?) ?"
_UNITS = {
    "points": re.compile(
        rf"{_AMOUNT}(?:points?\b|pts?\b|marks?\b|分(?![钟鐘之数析组布别类成子享量开])|(?=/\d))", re.IGNORECASE
    ),
    "percent": re.compile(rf"{_AMOUNT}[%％]"),
}
_ALTOGETHER = re.compile(r"共计? ?(\d{1,5}(?:\.\d{1,2})?) ?(?:分|[%％])")
_IS_TOTAL = re.compile(r"\b(?:total|sum|overall|out of|maximum|altogether)\b|满分|总分|合计|总计|总成绩", re.IGNORECASE)
_COLUMN = re.compile(
    r"\b(?:points?|scores?|marks?|weight(?:ing|age)?s?|shares?|percentages?|proportions?)\b|分值|分数|权重|得分|占比|比例|份额|百分比",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d{1,5}(?:\.\d{1,2})?")
_LEVEL = re.compile(
    r"(?P<heading>#{1,6}(?=\s))|(?P<chinese>(?:\*\*)?[一二三四五六七八九十]{1,3}、)|(?P<inner>[（(])|(?P<item>[*+•-](?=\s)|\d{1,3}[.)、．])"
)


class AddsUp(Kwargs):
    total: Annotated[float, BeforeValidator(a_number), Field(gt=0, le=1_000_000, allow_inf_nan=False)]
    unit: Literal["points", "percent"] = "points"


@checker(
    "notation:adds_up",
    AddsUp,
    lambda kw: f"Let the {'points' if kw.unit == 'points' else 'percentages'} add up to {kw.total:g}.",
    summary="Points (marks, 分) or percentages, one a line, of the parts on one level (headings, items, rows) add up; lines that give a total are left out.",
    version=2,
)
def adds_up(text: Text, kw: AddsUp) -> Verdict:
    levels: defaultdict[str, float] = defaultdict(float)
    for level, amount in _amounts(text.plain.split("\n"), kw.unit):
        levels[level] += amount
    if not levels:
        return Verdict(False, f"no {kw.unit} found")
    nearest = min(levels.values(), key=lambda found: abs(found - kw.total))
    return Verdict(abs(nearest - kw.total) < 0.005, f"{kw.unit} add up to {nearest:g}, {kw.total:g} wanted")


def _amounts(lines: list[str], unit: str) -> list[tuple[str, float]]:
    """With the level on which each stands."""
    found: list[tuple[str, float]] = []
    column: int | None = None
    for line in lines:
        if "|" in line:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if column is None:
                column = next((i for i, cell in enumerate(cells) if _COLUMN.search(cell)), None)
                continue
            cell = cells[column] if column < len(cells) and not _IS_TOTAL.search(line) else ""
            number = _NUMBER.search(cell)
            if number and ("%" in cell or "％" in cell) == (unit == "percent"):
                found.append(("row", float(number.group())))
            continue
        column = None
        if _IS_TOTAL.search(line):
            continue
        amount = _ALTOGETHER.search(line) or _UNITS[unit].search(line)
        if amount and (unit == "percent") == (amount.group().endswith(("%", "％"))):
            found.append((_level(line), float(amount.group(1))))
    return found


def _level(line: str) -> str:
    match = _LEVEL.match(line.lstrip())
    if match is None:
        return "line"
    kind = match.lastgroup or "line"
    return f"{kind} {match.group() if kind == 'heading' else len(line) - len(line.lstrip()) if kind == 'item' else ''}"
