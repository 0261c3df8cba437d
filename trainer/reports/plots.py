"""The plots of a run, as PNG files."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from trainer.run.ledger import Ledger

INK, GOOD, BAD, QUIET = "#22313f", "#1b7f5c", "#b5462f", "#8794a0"
plt.rcParams.update(
    {
        "figure.dpi": 130,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "font.size": 9,
        "legend.frameon": False,
    }
)


def draw_all(ledger: Ledger, before: dict[str, Any] | None, after: dict[str, Any] | None, folder: Path) -> list[Path]:
    """Draws what the run has data for; returns the files in reading order."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    if before and after:
        drawn.append(_before_after(before, after, folder / "before_after.png"))
    drawn.append(_learning(ledger, folder / "learning.png"))
    drawn.append(_advantages(ledger, folder / "advantages.png"))
    drawn.append(_groups(ledger, folder / "groups.png"))
    return drawn


def smooth(values: list[float], window: int) -> list[float]:
    """Mean of the last `window` values at each place (fewer at the start); NaN marks a gap and counts for nothing."""
    if not values:
        return []
    given = np.asarray(values, dtype=float)
    known = ~np.isnan(given)
    # Cumulative sums: a window that slides over 100,000 groups would take half a minute.
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, given, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    ends = np.arange(1, len(given) + 1)
    starts = np.maximum(0, ends - window)
    inside = counts[ends] - counts[starts]
    means = np.full(len(given), math.nan)
    np.divide(sums[ends] - sums[starts], inside, out=means, where=inside > 0)
    return [float(mean) for mean in means]


def _save(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path


def _before_after(before: dict[str, Any], after: dict[str, Any], path: Path) -> Path:
    names = [
        ("compliance", "Compliance (share of responses)"),
        ("writing_score", "Writing score (std. dev.)"),
        ("world_quality", "World quality (0 to 1)"),
        ("response_tokens", "Response length (tokens)"),
    ]
    names = [(k, t) for k, t in names if before.get(k) is not None and after.get(k) is not None]
    figure, axes = plt.subplots(1, len(names), figsize=(2.6 * len(names), 2.6))
    for axis, (key, title) in zip(axes, names, strict=True):
        bars = axis.bar(["before", "after"], [before[key], after[key]], color=[QUIET, GOOD], width=0.6)
        axis.bar_label(bars, fmt="%.2f" if abs(after[key]) < 10 else "%.0f", padding=2)
        axis.axhline(0, color=QUIET, linewidth=0.8)
        axis.set_title(title, fontsize=9)
        axis.margins(y=0.18)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
    return _save(figure, path)


def _learning(ledger: Ledger, path: Path) -> Path:
    groups = ledger.training_groups
    rates, writing, lengths = [], [], []
    for group in groups:
        flags = [v for v in group["violated"] if v is not None]
        scores = [w for w in group["writing"] if w is not None]
        rates.append(sum(flags) / len(flags) if flags else math.nan)
        writing.append(sum(scores) / len(scores) if scores else math.nan)
        lengths.append(sum(group["tokens"]) / len(group["tokens"]))
    figure, axes = plt.subplots(1, 3, figsize=(10.4, 2.9))
    window = max(1, len(groups) // 20)
    for axis, values, title, colour in (
        (axes[0], [1 - r for r in rates], "Compliant share", GOOD),
        (axes[1], writing, "Writing score (std. dev.)", INK),
        (axes[2], lengths, "Response length (tokens)", INK),
    ):
        axis.plot(values, ".", color=colour, alpha=0.18, markersize=3)
        axis.plot(smooth(values, window), color=colour, linewidth=1.8)
        axis.set_title(title)
        axis.set_xlabel("group, in the order of training")
    axes[0].set_ylim(-0.02, 1.02)
    return _save(figure, path)


def _advantages(ledger: Ledger, path: Path) -> Path:
    figure, axis = plt.subplots(figsize=(10.4, 2.9))
    steps = range(1, len(ledger.advantages) + 1)
    for kind, colour in (("compliant", GOOD), ("violators", BAD)):
        values = [a[f"mean_advantage_{kind}"] for a in ledger.advantages]
        axis.plot(steps, [math.nan if v is None else v for v in values], color=colour, label=f"mean, {kind}")
    worst = [a["largest_violator_advantage"] for a in ledger.advantages]
    axis.plot(steps, [math.nan if v is None else v for v in worst], ":", color=BAD, label="largest of any violator")
    axis.axhline(0, color=INK, linewidth=0.9)
    axis.set_title("Advantages as OpenRLHF computed them")
    axis.set_xlabel("training step")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _save(figure, path)


def _groups(ledger: Ledger, path: Path) -> Path:
    figure, axes = plt.subplots(1, 2, figsize=(10.4, 2.6))
    counts = {"trained": ledger.trained(), **{f"dropped: {k}": v for k, v in ledger.dropped().items()}}
    bars = axes[0].barh(list(counts), list(counts.values()), color=[GOOD] + [BAD] * (len(counts) - 1))
    axes[0].bar_label(bars, padding=3)
    axes[0].invert_yaxis()
    axes[0].margins(x=0.15)
    axes[0].set_title("Groups")
    deltas = [g["delta"] for g in ledger.training_groups if g["decision"] == "train" and g["delta"] is not None]
    if deltas:
        axes[1].hist(deltas, bins=30, color=INK)
        axes[1].set_title("Penalty delta of each trained group (std. dev.)")
    else:
        axes[1].axis("off")
    return _save(figure, path)
