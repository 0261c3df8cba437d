"""Agreement of those who label: Krippendorff's alpha for nominal data (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").

Our own, in a few lines: the package of that name is under the GPL.
"""

import random
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import permutations

Unit = Sequence[Hashable | None]
"""What each annotator said of one thing, in the same order; None: nothing."""


def nominal_alpha(units: Sequence[Unit]) -> float | None:
    """1: full agreement, 0: as by chance, below 0: less than that. Things with fewer than two labels do not count. None where nothing
    can be told: no two labels of one thing, or one value everywhere.

        alpha = 1 - D_o / D_e = 1 - (n - 1) * sum_{c != k} o_ck / sum_{c != k} n_c n_k

    with o_ck the pairs of labels (c, k) within a thing, each weighed by 1 / (its labels - 1).
    """
    pairs: Counter[tuple[Hashable, Hashable]] = Counter()
    for unit in units:
        labels = [label for label in unit if label is not None]
        if len(labels) < 2:
            continue
        for pair in permutations(labels, 2):
            pairs[pair] += 1 / (len(labels) - 1)  # type: ignore[assignment]
    totals: Counter[Hashable] = Counter()
    for (first, _), weight in pairs.items():
        totals[first] += weight
    n = sum(totals.values())
    expected = n * n - sum(total * total for total in totals.values())
    if not expected:
        return None
    observed = sum(weight for (a, b), weight in pairs.items() if a != b)
    return 1 - (n - 1) * observed / expected


def alpha_interval(units: Sequence[Unit], draws: int = 1000) -> tuple[float, float] | None:
    """95 %, by drawing things with replacement (percentile bootstrap, fixed seed)."""
    if nominal_alpha(units) is None:
        return None
    generator = random.Random(0)
    found = sorted(a for _ in range(draws) if (a := nominal_alpha(generator.choices(units, k=len(units)))) is not None)
    return found[int(0.025 * len(found))], found[min(len(found) - 1, int(0.975 * len(found)))]
