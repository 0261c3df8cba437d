"""A run while it trains, in a terminal: curves as sparklines, what was dropped and why, the newest group with its verdicts."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trainer.onset.guarding import read_onset
from trainer.run.ledger import Ledger, shards

BARS = "▁▂▃▄▅▆▇█"
NEWEST_BYTES = 8 * 2**20
"""How much of a file's end is read for the newest group's texts: 8 responses of 14K tokens are half a MB."""


NUMBERS = 43
"""Columns of the newest group's table that are no text: what is left of a line holds a response's beginning."""


def sparkline(values: Sequence[float | None], width: int) -> str:
    """`values` in `width` places, each the mean of its share; a place without a known value is a blank."""
    if not values:
        return ""
    width = min(width, len(values))
    means = []
    for i in range(width):
        part = [v for v in values[i * len(values) // width : (i + 1) * len(values) // width] if v is not None]
        known = [v for v in part if math.isfinite(v)]
        means.append(sum(known) / len(known) if known else math.nan)
    finite = [m for m in means if not math.isnan(m)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if math.isnan(m) else BARS[round((m - low) * scale)] for m in means)


def share(flags: Sequence[bool | None]) -> float | None:
    known = [float(f) for f in flags if f is not None]
    return sum(known) / len(known) if known else None


def newest_text(run: Path) -> dict[str, Any] | None:
    """The newest row of texts, from the end of the file that was written last."""
    files = sorted(shards(run, "texts"), key=lambda path: path.stat().st_mtime)
    if not files:
        return None
    with files[-1].open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - NEWEST_BYTES))
        lines = [line for line in file.read().split(b"\n")[:-1] if line]
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            return row
    return None


def view(ledger: Ledger, width: int = 100) -> Group:
    """What `rlmr watch` shows now. Call ledger.refresh() first."""
    groups, curves = ledger.training_groups, Table.grid(padding=(0, 1))
    columns: list[tuple[str, list[float | None], str]] = [
        ("violations", [share(g["violated"]) for g in groups], "{:.0%}"),
        ("writing score", [_mean(g["writing"]) for g in groups], "{:+.2f}"),
        ("delta", [g["delta"] for g in groups], "{:.2f}"),
        ("response tokens", [_mean(g["tokens"]) for g in groups], "{:.0f}"),
        ("held back", [_mean(row["values"]) for row in ledger.held_back], "{:+.2f}"),
        ("loss", [s.get("policy_loss") for s in ledger.steps], "{:+.4f}"),
        ("seconds a step", [s.get("timing/step_total", s.get("timing/ppo_train")) for s in ledger.steps], "{:.1f}"),
    ]
    for name, values, form in columns:
        known = [v for v in values[-64:] if v is not None and math.isfinite(v)]
        if known:
            curves.add_row(name, sparkline(values, width - 40), "now " + form.format(sum(known) / len(known)))
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(ledger.dropped().items())) or "none"
    head = Text(f"{ledger.folder}: step {len(ledger.steps)}, {ledger.trained()} groups trained, dropped: {dropped}")
    if ledger.torn:
        head.append(f"\n{ledger.torn} torn lines of the ledger were skipped")
    positive = ledger.violators_with_positive_advantage()
    head.append(f"\nviolators with a positive advantage: {positive}", style="bold red" if positive else "green")
    if (onset := read_onset(ledger.folder)) is not None:
        head.append(f"\n{onset.told()}", style="bold red")
    parts: list[Any] = [head, curves]
    if groups:
        parts.append(_newest(groups[-1], newest_text(ledger.folder), width))
    return Group(*parts)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _newest(group: dict[str, Any], text: dict[str, Any] | None, width: int) -> Panel:
    same = text is not None and (text["time"], text["prompt_id"]) == (group["time"], group["prompt_id"])
    table = Table(box=None, padding=(0, 1))
    for column in ("reward", "writing", "verdict", "tokens", "response"):
        table.add_column(column)
    for i in range(group["n"]):
        violated = group["violated"][i]
        table.add_row(
            _number(group["rewards"][i]),
            _number(group["writing"][i]),
            "unknown" if violated is None else "violates" if violated else "obeys",
            str(group["tokens"][i]),
            Text(
                " ".join(text["responses"][i].split())[: max(20, width - NUMBERS)] if same and text is not None else ""
            ),
        )
    told = "trained on" if group["decision"] == "train" else f"dropped: {group['reason']}"
    return Panel(table, title=f"newest group {group['prompt_id']}, {told}", title_align="left")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
