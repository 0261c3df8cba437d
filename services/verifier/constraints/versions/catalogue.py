"""Which versions there are, what each changes and why, and how an id is named in one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from services.verifier.constraints.registry import (
    Checker,
    ConstraintError,
    Kwargs,
    Verdict,
    registry,
    versioned,
)
from services.verifier.text import Text

VERSIONS: dict[str, tuple[str, ...]] = {
    "ifeval": ("reference@lm-eval-0.4.13", "fixed@1"),
    "ifbench": ("reference@1091c4c", "reference@c94da02", "fixed@1"),
}
"""By benchmark, the default first. IFEval's reference is what lm-eval 0.4.13 ships (`make bench-verifier` compares); IFBench's are commits
of its repository: 1091c4c of 2026-05-04, after which its checkers have not changed, and c94da02 of 2025-10-17."""

K = TypeVar("K", bound=Kwargs)
Test = Callable[[Text, Any], Verdict]


@dataclass(frozen=True, slots=True)
class Change:
    """What a version does otherwise than the default."""

    id: str
    version: str
    why: str
    """The reference's reading, and this one."""
    checker: Checker


CHANGES: dict[tuple[str, str], Change] = {}
"""By (id, version)."""


def changed(
    id: str, version: str, why: str, *, kwargs: type[K] | None = None, description: str | None = None
) -> Callable[[Test], Test]:
    """Registers the test of one id in one version; what is not given is the default's."""

    def register(test: Test) -> Test:
        base = registry[id]
        checker = replace(
            base,
            id=f"{id}@{version}",
            test=test,
            summary=why,
            kwargs=kwargs or base.kwargs,
            description=description or base.description,
        )
        CHANGES[id, version] = Change(id, version, why, checker)
        return test

    return register


def benchmark_of(id: str) -> str | None:
    """ifeval or ifbench; None for a checker of our own, which has one version at a time."""
    found = registry.get(id)
    parts = found.test.__module__.split(".") if found else []
    return next((name for name in VERSIONS if name in parts and parts[:1] == ["services"]), None)


def fill_catalogue() -> None:
    """Every id of the two benchmarks under each of its versions, and under the newest of each kind without its number."""
    for id in list(registry):
        benchmark = benchmark_of(id)
        if benchmark is None:
            continue
        for version in reversed(VERSIONS[benchmark]):  # so that a short name ends up with the first that it fits
            change = CHANGES.get((id, version))
            full = f"{id}@{version}"
            versioned[full] = change.checker if change else replace(registry[id], id=full)
            versioned[f"{id}@{version.partition('@')[0]}"] = versioned[full]


def base_id(id: str) -> str:
    """Without its version."""
    return id.partition("@")[0]


def versions_of(id: str) -> tuple[str, ...]:
    """The versions that a constraint's id can be had in; none for our own checkers."""
    benchmark = benchmark_of(base_id(id))
    return VERSIONS[benchmark] if benchmark else ()


def in_version(id: str, version: str) -> str:
    """The id as its benchmark's constraint in `version` (reference, fixed, reference@COMMIT, fixed@N). Our own ids, and those of packages
    from outside, stay as they are. A commit is of one benchmark: in the other it stands for the default. Raises ConstraintError for a
    version that no benchmark has."""
    known = {v for versions in VERSIONS.values() for v in versions}
    if version not in known and version not in {v.partition("@")[0] for v in known}:
        raise ConstraintError(f"unknown version {version[:100]!r} of the checkers; known: {', '.join(sorted(known))}")
    base, own = base_id(id), versions_of(id)
    if not own:
        return id
    if version in own:
        return f"{base}@{version}"
    kind = version.partition("@")[0]
    return f"{base}@{next(v for v in own if v.partition('@')[0] == kind)}"
