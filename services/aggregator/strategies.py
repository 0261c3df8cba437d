"""The strategies that this installation has: those of this repository and those of installed packages (docs/plugins.md)."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from services import PluginError, distribution_of
from services.aggregator.mixing import BUILT_IN, Registry, Strategy

GROUP = "rlmr.strategies"


@cache
def installed() -> Registry:
    """Read once per process. Raises PluginError: a strategy that cannot be used is never left out silently."""
    found = {strategy.name: strategy for strategy in BUILT_IN}
    owner = dict.fromkeys(found, "rlmr itself")
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        strategy = _load(entry)
        if strategy.name in found:
            raise PluginError.of(
                entry, f"a strategy named {strategy.name} exists already, from {owner[strategy.name]}", "rename it"
            )
        found[strategy.name] = strategy
        owner[strategy.name] = distribution_of(entry)
    return Registry(found.values())


def _load(entry: EntryPoint) -> Strategy:
    try:
        loaded = entry.load()
    except Exception as exc:  # another package's import may raise anything
        raise PluginError.of(entry, f"it cannot be imported: {type(exc).__name__}: {exc}", "repair it") from exc
    if not isinstance(loaded, Strategy):
        remedy = "point it at a function decorated with @strategy of services.aggregator.mixing"
        raise PluginError.of(entry, f"it is a {type(loaded).__name__}, not a strategy", remedy)
    if loaded.name != entry.name:
        raise PluginError.of(entry, f"it holds a strategy named {loaded.name}", "give both the same name")
    return loaded
