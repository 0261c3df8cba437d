"""What an invalid sample of a kept group gets, for trainers that want a number for every sample. The rule stands only here."""

from collections.abc import Sequence


def fill(rewards: Sequence[float | None], valid: Sequence[bool]) -> list[float]:
    """One finite reward per sample: a valid sample's own, and for an invalid one the mean of its valid siblings.

        r_i' = r_i                          where i is valid
        r_i' = (1/m) sum over valid j of r_j  elsewhere, m = number of valid samples

    So the mean over all n samples is that of the m valid ones: an invalid sample's r_i' - mean is 0, and its siblings' baseline
    does not move. Their standard deviation does: over n it is smaller than over m by sqrt((m - 1) / (n - 1)), so advantages
    divided by it are larger by the inverse. A group without a valid sample gets 0 everywhere: equal rewards have no advantage,
    and whoever trains must have dropped such a group.

    Raises ValueError if the lists differ in length."""
    known = [r for r, ok in zip(rewards, valid, strict=True) if ok and r is not None]
    mean = sum(known) / len(known) if known else 0.0
    return [float(r) if ok and r is not None else mean for r, ok in zip(rewards, valid, strict=True)]
