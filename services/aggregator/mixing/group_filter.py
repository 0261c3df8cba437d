"""Which groups are worth training on, decided on writing rewards as they came, before any adjustment (DAPO style)."""

import math
from collections.abc import Sequence

from pydantic import ConfigDict, model_validator

from rlmr.wire import DropReason, FilterSpec


class GroupFilter(FilterSpec):
    """Thresholds of the filter. The paper names the three kinds of drop and publishes no threshold, so both are off."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _ordered(self) -> "GroupFilter":
        if self.all_high is not None and self.all_low is not None and self.all_low > self.all_high:
            raise ValueError(
                f"all_low ({self.all_low}) is above all_high ({self.all_high}): every group would be dropped"
            )
        return self

    def required(self, n: int) -> int:
        """Fewest valid samples of a group of n: max(min_valid, ceil(min_valid_share n)), but never more than n."""
        return min(n, max(self.min_valid, math.ceil(self.min_valid_share * n)))

    def reason_to_drop(
        self, writing: Sequence[float] | None, violated: Sequence[bool] | None, ranks_all_violate: bool = False
    ) -> DropReason | None:
        """`writing` and `violated` hold the valid samples (None where the strategy does not use them). `ranks_all_violate`: the
        strategy has rewards for a group of violators only. (One that has none says so itself, by AllViolate.)"""
        if violated and all(violated) and self.drop_all_violate and not ranks_all_violate:
            return DropReason.ALL_VIOLATE
        if writing and self.all_high is not None and min(writing) > self.all_high:
            return DropReason.ALL_HIGH
        if writing and self.all_low is not None and max(writing) < self.all_low:
            return DropReason.ALL_LOW
        return None
