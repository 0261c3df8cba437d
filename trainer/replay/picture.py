"""An explained group in a terminal, the best advantage first: a row a response where the width allows, else a paragraph a response."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from trainer.replay.explaining import Column, Explained
from trainer.replay.stored import StoredGroup

WIDTH = 4
"""Characters of a bar on either side of zero."""
LEAST_TEXT = 75
"""Columns that the responses, their writing rewards and what they violate need beside the strategies' in a table."""


@dataclass(frozen=True, slots=True)
class _Row:
    text: Text
    writing: str
    violates: str
    bars: list[tuple[Text, Text]]
    """Per strategy the bar and the number."""


def draw(explained: Explained, estimator: str, console: Console) -> None:
    group, then = explained.group, explained.then
    told = [f"step {group.step}" if group.step else "", f"dropped: {group.reason}" if group.reason else "trained on"]
    told += [
        f"delta {group.delta:.2f}" if group.delta else "",
        f"group mean {then.group_mean:+.2f}" if then.group_mean is not None else "",
    ]
    console.print(
        Panel(
            Text(group.prompt) + Text("\n" + ", ".join(group.constraints), style="dim"),
            title=Text(f"{group.prompt_id}: {', '.join(filter(None, told))}"),
            title_align="left",
        )
    )
    columns = [Column(f"{then.label} (the run)", then.advantages, then.note), *explained.others]
    rows = [_row(group, columns, i) for i in _best_first(group, then)]
    wide = console.width >= LEAST_TEXT + sum(max(len(column.label), 2 * WIDTH + 1) + 3 for column in columns)
    if wide:
        console.print(_table(rows, columns))
    else:
        for row in rows:
            _paragraph(row, columns, console)
    console.print(Text(f"advantages under {estimator}; red: a violator that is rewarded", style="dim"))


def _table(rows: Sequence[_Row], columns: Sequence[Column]) -> Table:
    table = Table(show_lines=True)
    table.add_column("response", ratio=3, overflow="fold")
    table.add_column("writing", justify="right")
    table.add_column("violates", ratio=2, overflow="fold")
    for column in columns:
        table.add_column(Text(column.label), min_width=2 * WIDTH + 1)
    for row in rows:
        bars = [Text("\n").join((bar, number)) for bar, number in row.bars]
        table.add_row(row.text, row.writing, Text(row.violates), *bars)
    return table


def _paragraph(row: _Row, columns: Sequence[Column], console: Console) -> None:
    console.print(Rule(style="dim"))
    console.print(row.text)
    console.print(Text(f"writing {row.writing}, violates {row.violates}", style="dim"))
    bars = Table.grid(padding=(0, 2))
    for column, (bar, number) in zip(columns, row.bars, strict=True):
        bars.add_row(Text(f"  {column.label}"), bar, number)
    console.print(bars)


def _best_first(group: StoredGroup, then: Column) -> list[int]:
    def worth(i: int) -> float:
        if then.advantages is not None:
            return then.advantages[i]
        return group.signals.writing[i].score or 0 if group.signals.writing else 0

    return sorted(range(len(group.texts)), key=worth, reverse=True)


def _row(group: StoredGroup, columns: Sequence[Column], i: int) -> _Row:
    verdict = group.signals.verdicts[i] if group.signals.verdicts else None
    writing = group.signals.writing[i].score if group.signals.writing else None
    passed = verdict.passed if verdict is not None else None
    return _Row(
        _marked(group.texts[i], group.spans[i] if group.spans else ()),
        "none" if writing is None else f"{writing:+.2f}",
        "; ".join(group.failed[i]) or ("nothing" if passed else "unknown"),
        [_bar(column, i, violates=passed is False) for column in columns],
    )


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> Text:
    """The response with its violations underlined, where a checker could point at them."""
    shown = Text(text or "(empty)")
    for start, end in spans:
        shown.stylize("underline red", start, end)
    return shown


def _bar(column: Column, i: int, *, violates: bool) -> tuple[Text, Text]:
    if column.advantages is None:
        return Text(column.note or "dropped", style="dim"), Text()
    advantage = column.advantages[i]
    length = min(WIDTH, round(abs(advantage) * WIDTH / 2))
    left, right = ("█" * length if advantage < 0 else "", "█" * length if advantage > 0 else "")
    style = (
        "green"
        if advantage > 0 and not violates
        else "red bold"
        if advantage > 0
        else "yellow"
        if advantage < 0
        else "dim"
    )
    number = f"{advantage:+.2f}" if abs(advantage) >= 0.005 else "0"
    return Text(f"{left:>{WIDTH}}|{right:<{WIDTH}}", style=style), Text(number, style=style)
