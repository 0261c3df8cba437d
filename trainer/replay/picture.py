"""An explained group in a terminal: one row a response, the best advantage first, bars to the left and right of zero."""

from collections.abc import Sequence

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.aggregator.signals import Verdict
from trainer.replay.explaining import Column, Explained

WIDTH = 4
"""Characters of a bar on either side of zero."""


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
            title=f"{group.prompt_id}: {', '.join(filter(None, told))}",
            title_align="left",
        )
    )
    table = Table(
        caption=f"advantages under {estimator}; red: a violator that is rewarded",
        caption_justify="left",
        show_lines=True,
    )
    table.add_column("response", ratio=3, overflow="fold")
    table.add_column("writing", justify="right")
    table.add_column("violates", ratio=2, overflow="fold")
    columns = [Column(f"{then.label} (the run)", then.advantages, then.note), *explained.others]
    for column in columns:
        table.add_column(column.label, min_width=2 * WIDTH + 1)
    n = len(group.texts)
    verdicts: Sequence[Verdict | None] = group.signals.verdicts or [None] * n
    order = sorted(
        range(n),
        key=lambda i: (
            -(
                then.advantages[i]
                if then.advantages
                else group.signals.writing[i].score or 0
                if group.signals.writing
                else 0
            )
        ),
    )
    for i in order:
        verdict = verdicts[i]
        passed = verdict.passed if verdict is not None else None
        writing = group.signals.writing[i].score if group.signals.writing else None
        table.add_row(
            _marked(group.texts[i], group.spans[i] if group.spans else ()),
            "none" if writing is None else f"{writing:+.2f}",
            Text("; ".join(group.failed[i]) or ("nothing" if passed else "unknown")),
            *[_bar(column, i, violates=passed is False) for column in columns],
        )
    console.print(table)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> Text:
    """The response with its violations underlined, where a checker could point at them."""
    shown = Text(text or "(empty)")
    for start, end in spans:
        shown.stylize("underline red", start, end)
    return shown


def _bar(column: Column, i: int, *, violates: bool) -> Text:
    if column.advantages is None:
        return Text(column.note or "dropped", style="dim")
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
    return Text(
        f"{left:>{WIDTH}}|{right:<{WIDTH}}\n{advantage:+.2f}" if abs(advantage) >= 0.005 else f"{'':>{WIDTH}}|\n0",
        style=style,
    )
