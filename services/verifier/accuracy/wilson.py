"""The interval of a share, wherever one is told: error rates of checkers and judges here, win rates and length bias in the trainer."""

import math


def wilson(hits: float, trials: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) of hits / trials, by default of 95 %; `trials` is more than 0 and need not be whole."""
    share = hits / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - half) / (1 + z * z / trials)), min(1.0, (centre + half) / (1 + z * z / trials))
