"""A table that is whole in any terminal and in a log file: as it is where it fits, else turned, in blocks that fit."""

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


def print_table(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None
) -> None:
    """The first cell of a row names it: it is the head of the row's column where the table is turned."""
    wide = _table(columns, rows, title)
    if _wanted(console, wide) <= console.width:
        console.print(wide)
        return
    begin = 0
    while begin < len(rows):
        end = len(rows)
        while end > begin + 1 and _wanted(console, _turned(columns, rows[begin:end])) > console.width:
            end -= 1
        console.print(_turned(columns, rows[begin:end], title if begin == 0 else None))
        begin = end


def _turned(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    heads, *cells = zip(*rows, strict=True)
    return _table([columns[0], *heads], [[name, *own] for name, own in zip(columns[1:], cells, strict=True)], title)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if i else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # text, not markup: a run may be called [x]
    return table


def _wanted(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum
