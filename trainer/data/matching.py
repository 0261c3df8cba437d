"""Pairs in which length does not tell which text was chosen: how far it does, and a choice of pairs in which it does not.

Judges and people prefer longer texts, and a reward model finds that out first. Two measures over the signed gap
d = tokens(chosen) - tokens(rejected), both 1/2 where length tells nothing:

    longer  share of chosen texts among the longer ones of their pairs (ties out)
    AUC     P(|chosen| > |rejected|) over all texts, ties half: what a threshold on length alone gets right
"""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from services.verifier.accuracy.wilson import wilson

T = TypeVar("T")

BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Upper ends of |log(chosen / rejected)|, within which longer and shorter choices are made equally many."""


@dataclass(frozen=True)
class LengthBias:
    pairs: int
    longer_chosen: int
    shorter_chosen: int
    equal: int
    share: float | None
    """Of the pairs of unequal length, those whose longer text was chosen; None without any."""
    low: float | None
    high: float | None
    """95 % Wilson interval of the share."""
    auc: float | None
    mean_gap: float
    """Tokens of the chosen text minus those of the rejected one."""

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def length_bias(lengths: Sequence[tuple[int, int]]) -> LengthBias:
    """lengths: (chosen, rejected) in tokens."""
    longer = sum(a > b for a, b in lengths)
    shorter = sum(a < b for a, b in lengths)
    unequal = longer + shorter
    low, high = wilson(longer, unequal) if unequal else (None, None)
    return LengthBias(
        pairs=len(lengths),
        longer_chosen=longer,
        shorter_chosen=shorter,
        equal=len(lengths) - unequal,
        share=longer / unequal if unequal else None,
        low=low,
        high=high,
        auc=_auc([a for a, _ in lengths], [b for _, b in lengths]) if lengths else None,
        mean_gap=sum(a - b for a, b in lengths) / len(lengths) if lengths else 0.0,
    )


def matched(pairs: Sequence[T], lengths: Sequence[tuple[int, int]], seed: int = 0) -> list[T]:
    """The most pairs of which, within every range of relative gaps, as many chose the longer text as the shorter one.

    Pairs of equal length stay. Those that go are drawn by `seed`; the order of the rest is kept. A gap beyond the last range has no
    partner to be compared with, so both sides of it are one range of their own.
    """
    sides: dict[int, tuple[list[int], list[int]]] = {}
    kept = set()
    for i, (chosen, rejected) in enumerate(lengths):
        if chosen == rejected:
            kept.add(i)
            continue
        gap = abs(math.log(max(chosen, 1) / max(rejected, 1)))
        bucket = next((b for b, end in enumerate(BUCKETS) if gap <= end), len(BUCKETS))
        sides.setdefault(bucket, ([], []))[chosen < rejected].append(i)
    rng = random.Random(seed)
    for bucket in sorted(sides):
        longer, shorter = sides[bucket]
        size = min(len(longer), len(shorter))
        kept.update(rng.sample(longer, size))
        kept.update(rng.sample(shorter, size))
    return [pair for i, pair in enumerate(pairs) if i in kept]


def _auc(positive: Sequence[int], negative: Sequence[int]) -> float:
    """Mann-Whitney U over m n, by ranks."""
    from scipy.stats import rankdata

    ranks = rankdata([*positive, *negative])
    m, n = len(positive), len(negative)
    return float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
