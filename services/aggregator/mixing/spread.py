"""The standard deviation of a group's rewards: the unit in which a group, not a reference set, measures."""

import math
from collections.abc import Sequence


def std(values: Sequence[float]) -> float:
    """Unbiased, as OpenRLHF's group_norm and GRPO take it; 0 for fewer than two values and for equal ones."""
    if len(values) < 2 or min(values) == max(values):
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))
