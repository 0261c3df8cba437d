"""Checkers from other packages: entry points of the group `rlmr.checkers`, loaded when `services.verifier.constraints` is imported.

Nothing is skipped in silence: a verifier whose checkers are not the ones that were installed does not start. How to write such
a package: docs/plugins.md.
"""

import sys
from collections import defaultdict
from importlib.metadata import Distribution, EntryPoint, entry_points

from services import PluginError
from services.verifier.constraints.origin import Origin, assign_packages, loading
from services.verifier.constraints.registry import RegistrationError, registry

GROUP = "rlmr.checkers"
SHOW = 'python -c "import services.verifier.constraints"'


def load_outside_checkers() -> None:
    """Raises PluginError."""
    found = sorted(entry_points(group=GROUP), key=lambda e: (_origin(e).distribution, e.name))
    owners: dict[str, set[Origin]] = defaultdict(set)
    for entry in found:
        owners[_package(entry.module)].add(_origin(entry))
    # A namespace package that several distributions share belongs to none of them.
    assign_packages({package: next(iter(origins)) for package, origins in owners.items() if len(origins) == 1})
    for entry in found:
        _load(entry)


def _load(entry: EntryPoint) -> None:
    if _is_being_imported(entry.module):
        # Somebody imports the package before us, as its own tests may do: its checkers come when that import goes on.
        if entry.attr:
            raise _error(entry, "is being imported already", "import services.verifier.constraints before it")
        return
    before = set(registry)
    try:
        with loading(_origin(entry)):
            loaded = entry.load()
            if callable(loaded):
                loaded()
    except (Exception, SystemExit) as error:
        for id in registry.keys() - before:
            del registry[id]
        kind = "" if isinstance(error, RegistrationError) else f"{type(error).__name__}: "
        what = f"cannot be loaded: {kind}{' '.join(str(error).split())[:500]}"
        raise _error(entry, what, f"repair it (`{SHOW}` shows where)") from error
    if registry.keys() == before and not _has_registered(entry):
        raise _error(entry, "registers no checker", "let it name a module, or a function, that calls @checker")


def _has_registered(entry: EntryPoint) -> bool:
    """Before its turn, because another module imported it, or will do so, because the import of its package is under way."""
    modules = {checker.test.__module__ for checker in registry.values()}
    if any(module == entry.module or module.startswith(f"{entry.module}.") for module in modules):
        return True
    package = _package(entry.module)
    return any(_is_being_imported(name) for name in list(sys.modules) if _package(name) == package)


def _is_being_imported(module: str) -> bool:
    """The flag that Python's own import system reads to tell a partly initialised module."""
    return bool(getattr(getattr(sys.modules.get(module), "__spec__", None), "_initializing", False))


def _package(module: str) -> str:
    return module.partition(".")[0]


def _origin(entry: EntryPoint) -> Origin:
    distribution = entry.dist
    assert isinstance(distribution, Distribution)  # entry_points() reads them from distributions
    return Origin(distribution.name, distribution.version)


def _error(entry: EntryPoint, what: str, remedy: str) -> PluginError:
    origin = _origin(entry)
    return PluginError(
        f"{origin}: entry point {entry.name!r} ({entry.value}) of group {GROUP} {what}. To go on, {remedy}, or remove the package: "
        f"pip uninstall {origin.distribution}"
    )
