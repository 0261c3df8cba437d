"""The benchmarks that this installation has: those of benchmarks/ and those of installed packages (docs/plugins.md)."""

import importlib
from importlib.metadata import EntryPoint, entry_points

from services import PluginError, distribution_of
from trainer.evaluation.benchmark import Benchmark

GROUP = "rlmr.benchmarks"
BUILT_IN = {
    "ifeval": ("instruction_following:IFEval", "IFEval: rules, four accuracies."),
    "ifbench": (
        "instruction_following:IFBench",
        "IFBench: rules, four accuracies (prompt loose is the one it reports).",
    ),
    "writingbench": ("writingbench:WritingBench", "WritingBench: a judge's 1 to 10 per criterion."),
    "complexbench": ("complexbench:ComplexBench", "ComplexBench: yes/no questions, rules and dependencies; DRFR."),
}


def names() -> dict[str, str]:
    """Name -> one line, without importing any. Raises PluginError for a name given twice."""
    found = {name: line for name, (_, line) in BUILT_IN.items()}
    for entry in _outside():
        if entry.name in found:
            raise PluginError.of(entry, f"a benchmark named {entry.name} exists already", "rename it")
        found[entry.name] = f"From {distribution_of(entry)}."
    return found


def load(name: str) -> Benchmark:
    """One of `names`. Raises PluginError."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name][0].partition(":")
        built_in: Benchmark = getattr(importlib.import_module(f"trainer.evaluation.benchmarks.{module}"), attribute)()
        return built_in
    entry = next(e for e in _outside() if e.name == name)
    try:
        loaded = entry.load()
    except Exception as exc:  # another package's import may raise anything
        raise PluginError.of(entry, f"it cannot be imported: {type(exc).__name__}: {exc}", "repair it") from exc
    if not (isinstance(loaded, type) and issubclass(loaded, Benchmark)):
        raise PluginError.of(
            entry, "it is not a benchmark", "point it at a subclass of trainer.evaluation.benchmark.Benchmark"
        )
    if getattr(loaded, "name", None) != name:
        raise PluginError.of(entry, f"its name is {getattr(loaded, 'name', None)}", "give both the same name")
    return loaded()


def _outside() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value))
