"""Which installed distribution a checker comes from. Our own come from none."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


_by_package: dict[str, Origin] = {}
_being_loaded: ContextVar[Origin | None] = ContextVar("being_loaded", default=None)


def assign_packages(packages: dict[str, Origin]) -> None:
    """Top-level packages, and the distribution that everything registered in them comes from."""
    _by_package.update(packages)


@contextmanager
def loading(origin: Origin) -> Iterator[None]:
    """What registers inside of it comes from `origin`, unless its package is assigned to another distribution."""
    token = _being_loaded.set(origin)
    try:
        yield
    finally:
        _being_loaded.reset(token)


def origin_of(module: str) -> Origin | None:
    """Of a checker that is registered now, by the name of the module that its test is in."""
    return _by_package.get(module.partition(".")[0]) or _being_loaded.get()
