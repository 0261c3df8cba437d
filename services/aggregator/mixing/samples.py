"""What every strategy takes and gives: the valid samples of one group, and their rewards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rlmr.wire.reward import MAX_REWARD

__all__ = ["MAX_REWARD", "AllViolate", "Mixed", "MixingError", "Samples"]


class MixingError(ValueError):
    """The samples are not something rewards can be computed from; the message says which value and why."""


class AllViolate(MixingError):
    """Every sample violates: centred advantages sum to zero, so no penalty can make all of them negative."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The n valid samples of one group, as parallel sequences. A strategy that needs no writing reward (or no verdict) may be
    given an empty sequence for it.

    Raises MixingError for NaN, infinity, magnitudes above MAX_REWARD, shares outside 0..1, unequal lengths and no sample.
    """

    writing: Sequence[float] = ()
    """r_i, standardised writing rewards before any adjustment."""
    violated: Sequence[bool] = ()
    """v_i: True if at least one constraint is broken."""
    rule_share: Sequence[float] = ()
    """Share (0..1) of the sample's rule-checked constraints that passed; 1 where there are none."""
    judge_passed: Sequence[bool] = ()
    """True if every judged constraint of the sample passed; True where there are none."""
    met_share: Sequence[float] = ()
    """m_i: share (0..1) of the sample's constraints, checked by rules or judged, that it meets."""
    likeness: Sequence[float] = ()
    """Mean overlap (0..1) of the sample's text with its siblings' (likeness.py)."""
    group_size: int = 0
    """Samples that the trainer will average over, the invalid ones included; 0 = only these."""

    def __post_init__(self) -> None:
        given = {
            name: len(values)
            for name in ("writing", "violated", "rule_share", "judge_passed", "met_share", "likeness")
            if (values := getattr(self, name))
        }
        if not given:
            raise MixingError("no sample: a group needs at least one valid sample")
        if len(set(given.values())) > 1:
            raise MixingError(f"sequences of unequal length: {given}")
        for i, r in enumerate(self.writing):
            if not math.isfinite(r):
                raise MixingError(f"writing[{i}] is {r}: a reward must be finite (a failure must not become a reward)")
            if abs(r) > MAX_REWARD:
                raise MixingError(f"writing[{i}] is {r}: larger than {MAX_REWARD:g}, the bound of the wire")
        for name in ("rule_share", "met_share", "likeness"):
            for i, share in enumerate(getattr(self, name)):
                if not 0 <= share <= 1:
                    raise MixingError(f"{name}[{i}] is {share}: must be between 0 and 1")

    @property
    def n(self) -> int:
        return max(len(self.writing), len(self.violated), len(self.rule_share))

    @property
    def k(self) -> int:
        """Violators."""
        return sum(self.violated)


@dataclass(frozen=True, slots=True)
class Mixed:
    rewards: list[float]
    """One per sample, in order."""
    delta: float | None = None
    """The penalty that rlmr took from every violator; None for the other strategies."""
