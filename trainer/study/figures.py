"""The plots of a study, as SVG whose ink follows the page's light or dark mode."""

import math
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from trainer.reports.svg import STYLE, svg
from trainer.study.intervals import Interval, band
from trainer.study.results import Record, by_point, over_runs

# Okabe and Ito's colours, told apart by colour-blind readers too, then markers.
MARKERS = "osD^"
OTHERS = "#b0b0b0"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c", "#b8a800")


def _view(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that show where most points are: those further than the spread of the middle half from it, three times, are left out."""
    if len(values) < 4:
        return min(values), max(values)
    first, _, third = quantiles(values, n=4, method="inclusive")
    reach = 3 * (third - first)
    within = [v for v in values if first - reach <= v <= third + reach]
    return min(within), max(within)


def _zoom(axis: Axes, xs: Sequence[float], ys: Sequence[float], names: Sequence[str]) -> None:
    """Looks at where most points are; each of the others is named at the edge beyond which it lies."""
    (left, right), (bottom, top) = _view(xs), _view(ys)
    wide, high = 0.12 * (right - left) or 0.05, 0.12 * (top - bottom) or 0.05
    left, right, bottom, top = left - wide, right + wide, bottom - high, top + high
    axis.set_xlim(left, right)
    axis.set_ylim(bottom, top)
    outside = [at for at in zip(xs, ys, names, strict=True) if not (left <= at[0] <= right and bottom <= at[1] <= top)]
    stacked = 0
    for x, y, name in sorted(outside):
        edge = min(max(x, left), right), min(max(y, bottom), top)
        at_left, at_bottom = edge[0] < (left + right) / 2, edge[1] < (bottom + top) / 2
        away = 8 + 11 * stacked
        stacked += edge[1] == bottom  # several below are written one above the other
        axis.annotate(
            f"{name}: {x:.2f}, {y:+.2f}", edge, fontsize=8, textcoords="offset points",
            xytext=(6 if at_left else -6, away if at_bottom else -12), ha="left" if at_left else "right",
        )  # fmt: skip


def _colours(labels: Sequence[str]) -> dict[str, str]:
    return {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(sorted(set(labels)))}


def plane(records: Sequence[Record], second: str, title: str) -> str:
    """Compliance against another quality: a point for each strength with its intervals over seeds, a line for each label."""
    points = by_point(records)
    colours = _colours([r["label"] for r in records])
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.2, 4.4))
        means: list[tuple[float, float, str]] = []
        for i, (label, colour) in enumerate(colours.items()):
            own = [runs for runs in points.values() if runs[0]["label"] == label]
            own.sort(key=lambda runs: runs[0]["strength"] or 0.0)
            xs, ys = zip(*[(over_runs(runs, "compliance"), over_runs(runs, second)) for runs in own], strict=True)
            if any(i is None for i in (*xs, *ys)):
                continue
            bars = axis.errorbar(
                [x.mean for x in xs],
                [y.mean for y in ys],
                xerr=[[x.mean - x.low for x in xs], [x.high - x.mean for x in xs]],
                yerr=[[y.mean - y.low for y in ys], [y.high - y.mean for y in ys]],
                fmt=f"{MARKERS[i // len(COLOURS) % len(MARKERS)]}-", color=colour, label=label, markersize=5, linewidth=1.4,
                elinewidth=0.8,
            )  # fmt: skip
            means += [(x.mean, y.mean, label) for x, y in zip(xs, ys, strict=True)]
            for bar in bars.lines[2]:
                bar.set_alpha(0.35)
            for runs, x, y in zip(own, xs, ys, strict=True):
                if runs[0]["strength"] is not None:
                    axis.annotate(
                        f"{runs[0]['strength']:g}",
                        (x.mean, y.mean),
                        xytext=(5, 4),
                        textcoords="offset points",
                        fontsize=8,
                        annotation_clip=True,
                    )
        if means:
            _zoom(axis, *zip(*means, strict=True))
        axis.set_xlabel("compliance")
        axis.set_ylabel(second.replace("_", " "))
        axis.set_title(title)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
        return svg(figure)


def learning(records: Sequence[Record], names: Sequence[tuple[str, str]]) -> str:
    """Learning curves: the mean over seeds, and its interval as a band where there are three seeds or more. Where there are more points
    than colours, one of each label is in colour, those with the most runs, and all others are grey."""
    points = by_point(records)
    colours = {name: COLOURS[i] for i, name in enumerate(_foremost(points, len(COLOURS)))}
    with plt.rc_context(STYLE):
        columns = 2
        rows = math.ceil(len(names) / columns)
        figure, axes = plt.subplots(rows, columns, figsize=(10.0, 3.0 * rows), squeeze=False)
        for place, (name, title) in enumerate(names):
            axis = axes[place // columns][place % columns]
            for point, runs in points.items():
                curves = [
                    [math.nan if v is None else v for v in run["curves"][name]] for run in runs if name in run["curves"]
                ]
                if not curves:
                    continue
                intervals = band(curves)
                xs = [(i + 0.5) / len(intervals) for i in range(len(intervals))]
                if point not in colours:
                    axis.plot(xs, [v.mean for v in intervals], color=OTHERS, linewidth=0.8, zorder=1)
                    continue
                axis.plot(xs, [v.mean for v in intervals], color=colours[point], label=point, linewidth=1.5)
                if len(curves) >= 3:
                    lows, highs = [v.low for v in intervals], [v.high for v in intervals]
                    axis.fill_between(xs, lows, highs, color=colours[point], alpha=0.12, linewidth=0)
            axis.set_title(title)
            axis.set_xlim(0, 1)
        for axis in axes[-1]:
            axis.set_xlabel("share of training done")
        for place in range(len(names), rows * columns):
            axes[place // columns][place % columns].axis("off")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3)
        figure.tight_layout()
        return svg(figure)


def _foremost(points: dict[str, list[Record]], most: int) -> list[str]:
    if len(points) <= most:
        return list(points)
    by_runs = sorted(points, key=lambda point: -len(points[point]))
    of_label: dict[str, str] = {}
    for point in by_runs:
        of_label.setdefault(points[point][0]["label"], point)
    return list(of_label.values())[:most]


def place(condition: str) -> tuple[float, str]:
    """Scales in their order, with the unscaled base among them; other conditions after them, by name."""
    scale = condition.removeprefix("scale-")
    known = "1" if condition == "base" else scale
    return (float(known), "") if known.replace(".", "", 1).isdigit() else (math.inf, condition)


def across(conditions: dict[str, list[Record]], name: str, title: str) -> str:
    """One metric of each point over conditions: a flat line is a strategy that the condition does not touch."""
    order = sorted(conditions, key=place)
    labels = [p for p in by_point(conditions.get("base", [])) if all(p in by_point(conditions[c]) for c in order)]
    colours = _colours([runs[0]["label"] for runs in by_point(conditions.get("base", [])).values()])
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.2, 3.6))
        for i, label in enumerate(labels):
            found = [over_runs(by_point(conditions[c])[label], name) for c in order]
            if any(v is None for v in found):
                continue
            known = [v for v in found if v is not None]
            colour = colours[by_point(conditions["base"])[label][0]["label"]]
            xs = [x + 0.06 * (i - len(labels) / 2) for x in range(len(order))]
            errors = [[v.mean - v.low for v in known], [v.high - v.mean for v in known]]
            axis.errorbar(
                xs, [v.mean for v in known], yerr=errors, fmt="o-", color=colour, label=label,
                markersize=5, linewidth=1.2, elinewidth=0.7, capsize=2,
            )  # fmt: skip
        axis.set_xticks(range(len(order)), order, rotation=20, ha="right")
        axis.set_title(title)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def forest(less: Mapping[str, Mapping[str, Any]], names: Sequence[tuple[str, str]], title: str) -> str:
    """One point's differences to another (results.over_conditions): a row for each condition, the last for all of them."""
    order = [c for c in dict.fromkeys(c for name, _ in names for c in less[name]) if c != "over"]
    rows = [*sorted(order, key=place), "over"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(names), figsize=(11.5, 1.0 + 0.26 * len(rows)), sharey=True, squeeze=False, layout="constrained"
        )
        for axis, (name, head) in zip(axes[0], names, strict=True):
            axis.axvline(0.0, color=OTHERS, linewidth=1.0, zorder=0)
            for y, condition in enumerate(rows):
                if condition not in less[name]:
                    continue
                found, over = Interval(**less[name][condition]), condition == "over"
                axis.errorbar(
                    [found.mean], [y], xerr=[[found.mean - found.low], [found.high - found.mean]], capsize=2,
                    fmt="D" if over else "o", color=COLOURS[1] if over else COLOURS[0], markersize=7 if over else 5,
                    linewidth=1.6 if over else 1.0, markerfacecolor=None if found.count > 1 else "none",
                )  # fmt: skip
            axis.set_title(head)
        axes[0][0].set_yticks(range(len(rows)), [*rows[:-1], f"all {len(rows) - 1}, a mean of means"])
        axes[0][0].invert_yaxis()
        figure.suptitle(title, x=0.01, ha="left")
        return svg(figure)
