"""The registry of rule checkers: an id, typed kwargs, a test, a description, a summary. One family of constraints a file.

    @checker("punctuation:no_comma", NoKwargs, "Do not use any comma.", summary="No ASCII comma.")
    def no_comma(text: Text, kw: NoKwargs) -> Verdict:
        ...

A test is a pure function of the text and its kwargs, linear in the length of the text, and never raises. A change of meaning
gets a new version, which changes the registry's revision and with it every cached verdict's key. Other packages register theirs in
the same way: outside.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake
from services.verifier.constraints.origin import Origin, origin_of
from services.verifier.text import Text


class ConstraintError(Mistake, ValueError):
    """The constraint itself is wrong (unknown id, wrong kwargs). The message names what is allowed."""


class RegistrationError(ValueError):
    """A checker cannot be registered. The message names its id and what to change."""


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    reason: str
    """One line with the evidence, such as "213 words, at most 200"."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where a violation shows, if it does in places: start and end (exclusive) in characters of the response, MAX_SPANS at most."""


class Kwargs(BaseModel):
    """Base of every checker's kwargs: unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoKwargs(Kwargs):
    pass


def _whole_number(value: Any) -> Any:
    """Data sets store counts as 3.0; text and booleans are not counts."""
    if isinstance(value, bool | str):
        raise ValueError("a whole number is needed")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Count = Annotated[int, BeforeValidator(_whole_number), Field(ge=0, le=1_000_000)]
Positive = Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=1_000_000)]
Relation = Literal["less than", "at least"]
Phrase = Annotated[str, Field(min_length=1, max_length=10_000)]

MAX_SPANS = 20
_MAX_REASON = 500
"""Characters."""
_MAX_SUMMARY = 160
"""Characters."""
UNSURE = "unsure: "
"""Begins the reason of a violation found by a checker that is wrong too often to have the last word."""
_ID = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_.-]+")

K = TypeVar("K", bound=Kwargs)


@dataclass(frozen=True, slots=True)
class Checker:
    id: str
    kwargs: type[Kwargs]
    test: Callable[[Text, Any], Verdict]
    description: str | Callable[[Any], str]
    summary: str
    """What the test looks at: one sentence in one line, for lists of checkers and for the judge that maps a prompt to them."""
    version: int
    origin: Origin | None = None
    """The installed distribution that registered it; None for our own."""
    unsure: bool = False
    """A violation that it finds goes to the judge where there is one: less than 95 % of them are right (docs/verifier.md)."""


registry: dict[str, Checker] = {}
"""Every checker by id, filled when `services.verifier.constraints` is imported."""

versioned: dict[str, Checker] = {}
"""IFEval's and IFBench's ids with a version behind them, such as `count:conjunctions@fixed@1`: versions/."""


def checker(
    id: str,
    kwargs: type[K],
    description: str | Callable[[K], str],
    *,
    summary: str,
    version: int = 1,
    unsure: bool = False,
) -> Callable[[Callable[[Text, K], Verdict]], Callable[[Text, K], Verdict]]:
    """Registers a test. Raises RegistrationError.

    `description` renders the constraint as an instruction to the writer: a format string over the kwargs, or a function.
    `summary` tells the judge and the reader what the test looks at: one sentence of at most 160 characters, in one line.
    `unsure`: the judge, where there is one, has the last word on a violation.
    """

    def register(test: Callable[[Text, K], Verdict]) -> Callable[[Text, K], Verdict]:
        if not _ID.fullmatch(id):
            raise RegistrationError(f"{id[:100]!r}: id: family:name is needed, of letters, digits, _ and -")
        if id in registry:
            whose = registry[id].origin or "RLMR itself"
            raise RegistrationError(f"{id}: id: taken by a checker of {whose}, choose another")
        _require_one_sentence(id, summary)
        registry[id] = Checker(id, kwargs, test, description, summary, version, origin_of(test.__module__), unsure)
        return test

    return register


def _require_one_sentence(id: str, summary: str) -> None:
    """As far as a program can tell."""
    if not summary.isprintable() or not summary[:-1].strip() or not summary.endswith(".") or summary != summary.strip():
        raise RegistrationError(f"{id}: summary: one line that ends with a full stop is needed, not {summary[:60]!r}")
    if len(summary) > _MAX_SUMMARY:
        raise RegistrationError(f"{id}: summary: {len(summary)} characters, at most {_MAX_SUMMARY}")


def printable_line(reason: str) -> str:
    """In one line that UTF-8 can carry, of at most 500 characters."""
    cut = reason[: _MAX_REASON + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return shown if len(shown) <= _MAX_REASON else f"{shown[: _MAX_REASON - 3]}..."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checker with validated kwargs."""

    checker: Checker
    kwargs: Kwargs

    def test(self, text: Text) -> Verdict:
        verdict = self.checker.test(text, self.kwargs)
        reason = f"{UNSURE}{verdict.reason}" if self.checker.unsure and not verdict.passed else verdict.reason
        # Kwargs and evidence are quoted in it, whatever they hold.
        if not reason.isprintable() or len(reason) > _MAX_REASON:
            reason = printable_line(reason)
        if reason is verdict.reason and len(verdict.spans) <= MAX_SPANS:
            return verdict
        return Verdict(verdict.passed, reason, verdict.spans[:MAX_SPANS])

    def describe(self) -> str:
        description = self.checker.description
        return description(self.kwargs) if callable(description) else description.format(**dict(self.kwargs))


def prepare(id: str, kwargs: dict[str, Any]) -> Prepared:
    """Looks up the checker and validates its kwargs. Raises ConstraintError."""
    found = registry.get(id) or versioned.get(id)
    if found is None:
        raise ConstraintError(unknown_id(id))
    try:
        return Prepared(found, found.kwargs.model_validate(kwargs))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'kwargs'}: {e['msg']}" for e in error.errors(include_input=False)[:5]
        )
        raise ConstraintError(f"{id}: {problems}. Allowed kwargs: {allowed_kwargs(found)}") from None


def allowed_kwargs(found: Checker) -> str:
    """Names and types, as in `num_words: integer, relation: 'less than' | 'at least'`."""
    schema = found.kwargs.model_json_schema()
    return _fields(schema, schema.get("$defs", {})) or "none"


def _fields(schema: dict[str, Any], parts: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {_type_name(field, parts)}"
        for name, field in schema.get("properties", {}).items()
    )


def _type_name(schema: dict[str, Any], parts: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"{{{_fields(parts[schema['$ref'].rsplit('/', 1)[1]], parts)}}}"
    if "enum" in schema:
        return " | ".join(map(repr, schema["enum"]))
    if "const" in schema:
        return repr(schema["const"])
    if "anyOf" in schema:
        return " | ".join(_type_name(s, parts) for s in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type_name(schema.get('items', {}), parts)}"
    return str(schema.get("type", "any"))


def unknown_id(id: str) -> str:
    """Message for an id that is not registered: what it may have meant, else the ids of its family, or the families."""
    base, at, version = id.partition("@")
    if at and base in registry:
        known = [v.partition("@")[2] for v in versioned if v.startswith(f"{base}@")]
        of = f"known: {', '.join(known)}" if known else "only IFEval's and IFBench's ids have versions"
        return f"{base}: unknown version {version[:100]!r}; {of}"
    near = get_close_matches(id[:100], registry, n=3, cutoff=0.75)
    if near:
        return f"unknown constraint id {id[:100]!r}; did you mean {' or '.join(near)}?"
    family = id.split(":")[0]
    listed = sorted(k for k in registry if k.split(":")[0] == family) or sorted(
        {k.split(":")[0] + ":" for k in registry}
    )
    return f"unknown constraint id {id[:100]!r}; allowed: {', '.join(listed)}"
