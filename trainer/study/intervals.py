"""Intervals over seeds: the seed is the unit of replication, since it changes world, policy, reward model and rollouts.

With three to five seeds no interval is narrow, and a bootstrap of three values has only ten different samples. So intervals are
Student's t for means (scipy.stats), and comparisons are paired by seed: what a seed's world makes easy or hard for all cancels.
The spread over prompts inside a run is bootstrapped apart (`over_prompts`), and says how exactly a run's own mean is known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float
    count: int
    """Values it is made of; with one there is no interval (low = high = mean)."""

    def shown(self, form: str = "{:.2f}") -> str:
        if self.count < 2:
            return form.format(self.mean)
        return f"{form.format(self.mean)} [{form.format(self.low)}, {form.format(self.high)}]"


def over_seeds(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean, len(values))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, len(values))


def paired(ours: Mapping[int, float], theirs: Mapping[int, float], least: int = 2) -> Interval | None:
    """Interval of ours - theirs over the seeds that both have; None without `least` (1 or more) of them."""
    shared = sorted(set(ours) & set(theirs))
    return over_seeds([ours[seed] - theirs[seed] for seed in shared]) if len(shared) >= least else None


def over_prompts(values: Sequence[float], seed: int = 0) -> Interval:
    """Bootstrap (percentile) interval of a run's mean over its evaluation prompts."""
    data = np.asarray(values, dtype=float)
    if len(data) < 2 or float(np.ptp(data)) == 0.0:
        return Interval(float(data.mean()), float(data.mean()), float(data.mean()), len(data))
    found = stats.bootstrap(
        (data,), np.mean, confidence_level=LEVEL, method="percentile", n_resamples=2000, rng=np.random.default_rng(seed)
    ).confidence_interval
    return Interval(float(data.mean()), float(found.low), float(found.high), len(data))


Point = tuple[float, float]
"""Two qualities of a run, both better when larger, e.g. (compliance, true quality)."""


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other point equals or exceeds in both coordinates, from left to right."""
    kept: list[Point] = []
    for x, y in sorted(set(points), key=lambda p: (-p[0], -p[1])):
        if not kept or y > kept[-1][1]:
            kept.append((x, y))
    return kept[::-1]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Area that the front dominates above and right of `reference` (Zitzler and Thiele 1999), in the product of both units."""
    area, floor = 0.0, reference[1]
    for x, y in reversed(front([p for p in points if p[0] > reference[0] and p[1] > reference[1]])):
        area += (x - reference[0]) * (y - floor)
        floor = y
    return area


def hypervolume_over_seeds(
    by_seed: Mapping[int, Sequence[Point]], reference: Point
) -> tuple[Interval, dict[int, float]]:
    """Of each seed's own front (the strategy's strengths as points), then over seeds."""
    volumes = {seed: hypervolume(points, reference) for seed, points in sorted(by_seed.items())}
    return over_seeds(list(volumes.values())), volumes


def band(curves: Sequence[Sequence[float]], of: Callable[[Sequence[float]], Interval] = over_seeds) -> list[Interval]:
    """An interval at each place of curves of equal length; NaN counts for nothing."""
    places = zip(*curves, strict=True)
    known = [[value for value in place if not math.isnan(value)] for place in places]
    return [of(values) if values else Interval(math.nan, math.nan, math.nan, 0) for values in known]
