"""A count or share between limits: the shape of most constraints on writing."""

from typing import Annotated, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from services.verifier.constraints.registry import Count, Kwargs, Verdict


class Limits(Protocol):
    @property
    def min(self) -> float | None: ...

    @property
    def max(self) -> float | None: ...


def in_order(kw: Limits) -> None:
    """Raises ValueError for limits that nothing lies between."""
    if kw.min is not None and kw.max is not None and kw.min > kw.max:
        raise ValueError("min is greater than max")


def given_in_order(kw: Limits) -> None:
    """Raises ValueError without a limit, too."""
    if kw.min is None and kw.max is None:
        raise ValueError("give min, max or both")
    in_order(kw)


class Range(Kwargs):
    """At least one limit; both are included."""

    min: Count | None = Field(default=None, description="Least allowed number.")
    max: Count | None = Field(default=None, description="Greatest allowed number.")

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        given_in_order(self)
        return self


def a_number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("a number is needed")
    return value


Percent = Annotated[float, BeforeValidator(a_number), Field(ge=0, le=100, allow_inf_nan=False)]


class PercentRange(Kwargs):
    """Percent, 0 to 100; at least one limit; both are included."""

    min: Percent | None = None
    max: Percent | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        given_in_order(self)
        return self


def said(kw: Limits) -> str:
    """As in "at most 200", "between 3 and 5", "exactly 4"."""
    if kw.min is None:
        return f"at most {kw.max:g}"
    if kw.max is None:
        return f"at least {kw.min:g}"
    return f"exactly {kw.min:g}" if kw.min == kw.max else f"between {kw.min:g} and {kw.max:g}"


def allows(kw: Range | PercentRange, found: float) -> bool:
    return (kw.min is None or found >= kw.min) and (kw.max is None or found <= kw.max)


def within(found: float, kw: Range | PercentRange, unit: str) -> Verdict:
    """As in "213 words, at most 200"."""
    passed = allows(kw, found)
    amount = f"{found:.1f}%" if isinstance(kw, PercentRange) else f"{found:g}"
    return Verdict(passed, f"{amount} {unit}, {said(kw)}{'%' if isinstance(kw, PercentRange) else ''}")
