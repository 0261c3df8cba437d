"""Bootstrap intervals of figures that are sums over sums: what is resampled is the unit (a prompt with all that was judged of it)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.evaluation.benchmark import Measure

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float | None
    high: float | None
    """Percentile bootstrap, 95 %; None with fewer than two units."""
    units: int


def _ratio(numerators: Any, denominators: Any, axis: int) -> Any:
    return numerators.sum(axis=axis) / denominators.sum(axis=axis)


def _difference(a: Any, a_of: Any, b: Any, b_of: Any, axis: int) -> Any:
    return _ratio(a, a_of, axis) - _ratio(b, b_of, axis)


def estimate(measure: Measure, seed: int = 0) -> Estimate:
    return _bootstrap(_ratio, list(measure.units.values()), measure.value, seed)


def difference(a: Measure, b: Measure, seed: int = 0) -> Estimate | None:
    """a - b over the units that both have, resampled together; None if they share none."""
    shared = sorted(a.units.keys() & b.units.keys())
    if not shared:
        return None
    rows = [(*a.units[key], *b.units[key]) for key in shared]
    columns = [np.asarray(column, dtype=float) for column in zip(*rows, strict=True)]
    return _bootstrap(
        _difference, rows, float(_difference(columns[0], columns[1], columns[2], columns[3], axis=0)), seed
    )


def _bootstrap(statistic: Any, rows: Sequence[tuple[float, ...]], value: float, seed: int) -> Estimate:
    if len(rows) < 2:
        return Estimate(value, None, None, len(rows))
    if len(set(rows)) == 1:
        return Estimate(value, value, value, len(rows))
    from scipy import stats  # a second that a command which only asks does not need

    found = stats.bootstrap(
        tuple(np.asarray(column, dtype=float) for column in zip(*rows, strict=True)),
        statistic,
        paired=True,
        vectorized=True,
        confidence_level=LEVEL,
        method="percentile",
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // len(rows)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(found.low), float(found.high), len(rows))
