"""Mixing strategies: pure functions from writing rewards and violation flags to one reward per sample. No I/O."""

from services.aggregator.mixing.declaration import Params, Strategy, strategy
from services.aggregator.mixing.group_filter import GroupFilter
from services.aggregator.mixing.registry import BUILT_IN, STRATEGIES, BoundStrategy, Registry, bind
from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, MixingError, Samples

__all__ = [
    "BUILT_IN",
    "MAX_REWARD",
    "STRATEGIES",
    "AllViolate",
    "BoundStrategy",
    "GroupFilter",
    "Mixed",
    "MixingError",
    "Params",
    "Registry",
    "Samples",
    "Strategy",
    "bind",
    "strategy",
]
