"""custom: tables as CSV."""

import csv
import io
import re
from itertools import islice

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.text import Text

_ENOUGH_ROWS = 20
_CITY = ["ID", "Country", "City", "Year", "Count"]
_NEITHER_WORD_NOR_SPACE = re.compile(r"[^\w\s]")


def _header(names: str, gap: str) -> re.Pattern[str]:
    return re.compile(gap.join(f'(?:{name}|"{name}")' for name in names.split()))


_PRODUCTS = _header("ProductID Category Brand Price Stock", r",[ \t]*")
_STUDENTS = _header("StudentID Subject Grade Semester Score", r"\t *")


def _rows(value: str, delimiter: str = ",") -> list[list[str]] | None:
    """No more rows than it takes to see that they are too many; None where it is not CSV at all (the reference stops with an
    error there)."""
    try:
        return list(islice(csv.reader(io.StringIO(value), delimiter=delimiter), _ENOUGH_ROWS))
    except csv.Error:
        return None


def _shape(rows: list[list[str]] | None, count: int) -> str | None:
    """What is wrong with the number of rows."""
    if rows is None:
        return "cannot be read as CSV"
    return (
        None
        if len(rows) == count
        else f"{len(rows)} rows (not counted beyond {_ENOUGH_ROWS}) with the header, exactly {count} wanted"
    )


@checker(
    "custom:csv_city",
    NoKwargs,
    'Write CSV with the columns "ID", "Country", "City", "Year", "Count" and seven rows.',
    summary="The header and seven rows of five fields.",
)
def csv_city(text: Text, kw: NoKwargs) -> Verdict:
    rows = _rows(text.raw)
    wrong = _shape(rows, 8)
    if wrong or rows is None:
        return Verdict(False, wrong or "")
    if rows[0] != _CITY:
        return Verdict(False, "the header is not as wanted")
    passed = all(len(row) == 5 for row in rows[1:])
    return Verdict(passed, "seven rows of five fields" if passed else "a row has not five fields")


@checker(
    "custom:csv_special_character",
    NoKwargs,
    'Write CSV with the columns "ProductID", "Category", "Brand", "Price", "Stock" and 14 rows; one field in double quotes '
    "contains a special character.",
    summary="The header and 14 rows; a quoted field with a special character, with rows of five fields up to it.",
)
def csv_special_character(text: Text, kw: NoKwargs) -> Verdict:
    if not _PRODUCTS.fullmatch(text.lines[0].strip()):
        return Verdict(False, "the header is not as wanted")
    rows = _rows(text.raw.replace('"', '"""'))
    wrong = _shape(rows, 15)
    if wrong or rows is None:
        return Verdict(False, wrong or "")
    for row in rows[1:]:
        if len(row) != 5:
            return Verdict(False, "a row has not five fields")
        if any(_special(field) for field in row):
            return Verdict(True, "a quoted field with a special character")
    return Verdict(False, "no quoted field with a special character")


def _special(field: str) -> bool:
    """Begins with a quote, and has a special character before a later quote of the same line."""
    line = field.split("\n", 1)[0]
    return line.startswith('"') and _NEITHER_WORD_NOR_SPACE.search(line[1 : max(line.rfind('"'), 1)]) is not None


@checker(
    "custom:csv_quotes",
    NoKwargs,
    'Write tab-separated values with the columns "StudentID", "Subject", "Grade", "Semester", "Score" and three rows; put '
    "every field in double quotes.",
    summary="The header and three rows of five fields, each field in quotes.",
)
def csv_quotes(text: Text, kw: NoKwargs) -> Verdict:
    if not _STUDENTS.fullmatch(text.lines[0].strip()):
        return Verdict(False, "the header is not as wanted")
    rows = _rows(text.raw.replace('"', '"""'), "\t")
    wrong = _shape(rows, 4)
    if wrong or rows is None:
        return Verdict(False, wrong or "")
    for row in rows:
        if len(row) != 5:
            return Verdict(False, "a row has not five fields")
        if not all(field.strip()[:1] == '"' == field.strip()[-1:] for field in row):
            return Verdict(False, "a field is not in double quotes")
    return Verdict(True, "every field in double quotes")
