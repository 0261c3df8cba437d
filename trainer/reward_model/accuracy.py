"""How well a reward model orders pairs, with length kept apart. Pure functions over scores and lengths.

A pair's margin is d = r(chosen) - r(rejected), in logits of the Bradley-Terry model (Bradley and Terry 1952): the model says that the
chosen text is preferred with probability sigmoid(d).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from services.verifier.accuracy.wilson import wilson

GAPS = ((-math.inf, -0.4), (-0.4, -0.1), (-0.1, 0.1), (0.1, 0.4), (0.4, math.inf))
"""Ranges of log(tokens chosen / tokens rejected)."""
DRAWS = 1000


@dataclass(frozen=True)
class Share:
    value: float
    low: float
    high: float
    count: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def accuracy(margins: Sequence[float]) -> Share | None:
    """Share of pairs in the right order, equal scores half, with the 95 % Wilson interval; None of no pairs."""
    if not margins:
        return None
    hits = sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in margins)
    low, high = wilson(hits, len(margins))
    return Share(hits / len(margins), low, high, len(margins))


def by_gap(margins: Sequence[float], lengths: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Accuracy by how much longer the chosen text is: of GAPS, those that hold pairs."""
    gaps = [_gap(pair) for pair in lengths]
    found = []
    for low, high in GAPS:
        share = accuracy([d for d, gap in zip(margins, gaps, strict=True) if low < gap <= high])
        if share:
            found.append({"from": _factor(low), "to": _factor(high), **share.as_dict()})
    return found


def length_controlled(margins: Sequence[float], lengths: Sequence[tuple[int, int]], seed: int = 0) -> Share | None:
    """Mean of the accuracy on pairs whose chosen text is the longer one and on those where it is the shorter one.

    A model that only measures length gets 1/2 here, in whichever direction. Interval: percentile bootstrap over pairs. None if one side has no pairs.
    """

    def balanced(rows: np.ndarray) -> float:
        hit, longer, shorter = rows[:, 0], rows[:, 1] > 0, rows[:, 1] < 0
        return float((hit[longer].mean() + hit[shorter].mean()) / 2) if longer.any() and shorter.any() else math.nan

    hits = [1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in margins]
    rows = np.array([(hit, a - b) for hit, (a, b) in zip(hits, lengths, strict=True)], dtype=float).reshape(-1, 2)
    value = balanced(rows)
    if math.isnan(value):
        return None
    low, high = _bootstrap(rows, balanced, seed)
    return Share(value, low, high, int((rows[:, 1] != 0).sum()))


def calibration(margins: Sequence[float], bins: int = 10) -> dict[str, Any]:
    """Expected calibration error of the stated probability of the order that the model prefers (Naeini et al. 2015).

    Bins hold equally many pairs. `temperature` divides the margins so that the log-likelihood is greatest: above 1 is overconfident.
    """
    d = np.asarray(margins, dtype=float)
    confidence, right = 1 / (1 + np.exp(-np.abs(d))), (d > 0) + 0.5 * (d == 0)
    order = np.argsort(confidence)
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    rows = [
        {"stated": float(confidence[part].mean()), "right": float(right[part].mean()), "count": len(part)}
        for part in parts
    ]
    error = sum(row["count"] * abs(row["stated"] - row["right"]) for row in rows) / len(d)
    return {
        "expected_error": float(error),
        "log_loss": float(np.logaddexp(0, -d).mean()),
        "temperature": _temperature(d),
        "bins": rows,
    }


def changes(before: Sequence[float], after: Sequence[float], seed: int = 0) -> dict[str, float]:
    """Mean change of a score with its 95 % bootstrap interval, and the share of texts whose score rose."""
    rows = (np.asarray(after) - np.asarray(before)).reshape(-1, 1)
    low, high = _bootstrap(rows, lambda r: float(r.mean()), seed)
    return {"mean": float(rows.mean()), "low": low, "high": high, "rose": float((rows > 0).mean()), "count": len(rows)}


def rank_correlation(scores: Sequence[float], lengths: Sequence[int]) -> float | None:
    """Spearman's, of score and length; None where one of them does not vary."""
    from scipy.stats import spearmanr

    if len(set(scores)) < 2 or len(set(lengths)) < 2:
        return None
    return float(spearmanr(scores, lengths).statistic)


def _bootstrap(rows: np.ndarray, of: Callable[[np.ndarray], float], seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    drawn = [of(rows[rng.integers(len(rows), size=len(rows))]) for _ in range(DRAWS)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _temperature(d: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -d / math.exp(log_t)).mean(), bounds=(-5, 5), method="bounded"
    )
    return float(math.exp(found.x))


def _gap(pair: tuple[int, int]) -> float:
    return math.log(max(pair[0], 1) / max(pair[1], 1))


def _factor(gap: float) -> float | None:
    return None if math.isinf(gap) else round(math.exp(gap), 3)
