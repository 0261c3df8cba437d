"""The margin below a group's mean that survives rounding: here in float64, and in a trainer in float32."""

from services.aggregator.mixing.samples import MixingError, Samples

SLACK = 4 * 2.0**-24
"""Four times the rounding unit of float32, the format of trainers."""


def held_by_floats(margin: float, samples: Samples, below: float = 0.0) -> float:
    """The margin that still is `margin` after rounding in float64 (here), and is below zero after rounding in float32 (a trainer).

    Let u be a format's rounding unit, S = max(1, margin, below, max|r|), G = n / (n - k), and N the samples that the trainer averages.
    `below`: how far at most a violator lies under the best one for another reason than the guarantee (a fixed penalty, what it meets).
    A violator is lowered by at most 3 G S: so |r'| <= 4 G S, and mean|r'| <= S + (k / n) 3 G S <= 3 G S.
      A mean of N rounded numbers, in any order, is off by (N + 1) u mean|r'| (Higham 2002, 4.2); rounding the best violator costs
      u 4 G S, the others or an invalid sample's stand-in u 3 G S, and computing the penalty moves the distance by u 11 S. In all,
      with subtracting the margin once more, less than u G S (3 N + 28) <= 4 u G S (N + 8) = slack(u).
    So a margin of slack(float32) keeps the sign in the trainer, and one of margin + slack(float64) keeps r'_i <= m' - margin here.
    float64 is 2^29 times finer. A margin of at most S (and 2^-29 of it) needs slack <= S: true for any group of up to 2,000.

    Raises MixingError beyond that.
    """
    n, k = samples.n, samples.k
    scale = max(1.0, margin, below, max(map(abs, samples.writing)))
    slack = SLACK * (max(n, samples.group_size) + 8) * n / (n - k) * scale
    if slack > scale:
        raise MixingError(
            f"{n} samples with {k} violators: too large a group for float32 advantages; use fewer samples"
        )
    return max(margin, slack) + 2.0**-29 * slack
