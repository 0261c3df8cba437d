"""The page of `rlmr rm eval`: one self-contained file, plots as SVG inside it."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from jinja2 import Environment, PackageLoader, select_autoescape

from trainer.reports.svg import QUIET, STYLE, svg

SIZE = (4.4, 3.4)
"""Inches, of one plot."""


def write_page(found: dict[str, Any], source: str, path: Path) -> None:
    """`found`: as of evaluate.evaluate."""
    environment = Environment(
        loader=PackageLoader("trainer.reward_model"), autoescape=select_autoescape(["html", "jinja"])
    )
    page = environment.get_template("evaluation.html.jinja").render(found=found, source=source, plots=_plots(found))
    path.write_text(page, encoding="utf-8")


def _plots(found: dict[str, Any]) -> list[str]:
    return [_gaps(found["by_gap"]), _calibration(found["calibration"]["bins"]), _length(found["points"])]


def _gaps(rows: list[dict[str, Any]]) -> str:
    values = [row["value"] for row in rows]
    below = [v - r["low"] for v, r in zip(values, rows, strict=True)]
    above = [r["high"] - v for v, r in zip(values, rows, strict=True)]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=SIZE)
        axes.errorbar([_range(row) for row in rows], values, yerr=[below, above], fmt="o", color="#0072b2", capsize=3)
        axes.axhline(0.5, color=QUIET, linestyle=":")
        axes.set(title="Right order by length ratio", xlabel="tokens, chosen / rejected", ylim=(0, 1.05))
        return svg(figure)


def _calibration(bins: list[dict[str, Any]]) -> str:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=SIZE)
        axes.plot([0.5, 1], [0.5, 1], color=QUIET, linestyle=":")
        axes.plot([b["stated"] for b in bins], [b["right"] for b in bins], "o-", color="#d55e00")
        axes.set(title="Calibration", xlabel="stated probability", ylabel="in the right order", ylim=(0, 1.05))
        return svg(figure)


def _length(points: list[tuple[int, float]]) -> str:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=SIZE)
        axes.scatter([n for n, _ in points], [s for _, s in points], s=6, alpha=0.4, color="#009e73")
        axes.set(title="Score and length", xlabel="tokens", ylabel="raw score / std")
        return svg(figure)


def _range(row: dict[str, Any]) -> str:
    low, high = row["from"], row["to"]
    if low is None:
        return f"< {high:.2g}"
    return f"> {low:.2g}" if high is None else f"{low:.2g}–{high:.2g}"
