"""What every message shares: statuses, prompts, constraints. Wire contract v1."""

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo


class WireModel(BaseModel):
    """Base of every message: an unknown field is an error that names it, so a misspelt field is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


MAX_ITEMS = 65_536

Element = TypeVar("Element")
Items = Annotated[list[Element], Field(fail_fast=True, max_length=MAX_ITEMS)]
"""A list of a request. Its first bad item ends the search: errors about thousands of them would cost a service more memory than the
request has bytes a thousand times over. The services' own limits (MAX_SAMPLES) are far below the length."""


class Status(StrEnum):
    """Outcome of one sample. A value (score, passed) is null unless the status is `ok`: a failure is never a score."""

    OK = "ok"
    INVALID_INPUT = "invalid_input"
    """The sample itself cannot be processed (empty response, unknown constraint, wrong kwargs). Retrying cannot help."""
    TOO_LONG = "too_long"
    """Longer than the model or the configured limit; never silently truncated."""
    TIMEOUT = "timeout"
    """The deadline passed before an answer."""
    UNAVAILABLE = "unavailable"
    """The engine or upstream could not be reached or failed. A retry may help."""
    UNPARSEABLE = "unparseable"
    """The engine or judge answered something that is not a verdict or a finite number."""
    UNVERIFIABLE = "unverifiable"
    """A constraint that needs a judge, and no judge is configured; a tie of its votes; or no constraint could be determined."""


def _echoable(text: str) -> str:
    """A lone surrogate is valid in a JSON escape but not in UTF-8: the reply could not carry it back."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a lone surrogate, which UTF-8 cannot carry") from None
    return text


SampleId = Annotated[
    str,
    Field(min_length=1, max_length=256, description="Chosen by the caller, echoed unchanged."),
    AfterValidator(_echoable),
]


class Identified(WireModel):
    id: SampleId


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=_HasId)


def unique_ids(items: list[Item]) -> list[Item]:
    """Validator of a request's samples or groups: an id that occurs twice makes the reply ambiguous."""
    seen: dict[str, int] = {}
    for i, item in enumerate(items):
        first = seen.setdefault(item.id, i)
        if first != i:
            raise ValueError(f"entries {first} and {i} have the same id: ids must differ within a request")
    return items


Value = TypeVar("Value")


def either_form(samples: Value, info: ValidationInfo) -> Value:
    """Validator of `samples` in a request that takes `groups` in their place, which must be the field before it."""
    if "groups" in info.data and (samples is None) == (info.data["groups"] is None):
        raise ValueError("send either samples or groups: " + ("one of them" if samples is None else "not both"))
    return samples


Part = TypeVar("Part")


def split_up(parts: Sequence[Part], sizes: Iterable[int]) -> Iterator[list[Part]]:
    """`parts` in runs of these sizes, in order: the results of all groups as those of each."""
    start = 0
    for size in sizes:
        yield list(parts[start : start + size])
        start += size


class ChatMessage(WireModel):
    role: Literal["system", "user", "assistant"] = Field(description="Who speaks.")
    content: str = Field(description="Plain text; special-token text inside it stays text.")


Prompt = Annotated[
    str | Items[ChatMessage],
    Field(description="The prompt: a string (taken as one user message) or chat messages, oldest first."),
]


MAX_KWARGS_DEPTH = 16


def _plain(value: Any, depth: int = 0) -> Any:
    """Refuses what would change or break on its way through JSON to another service: NaN and infinity, integers beyond 64 bits,
    lone surrogates, and nesting deeper than any checker's arguments."""
    if depth > MAX_KWARGS_DEPTH:
        raise ValueError(f"nested deeper than {MAX_KWARGS_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            _plain(key, depth + 1)
            _plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _plain(item, depth + 1)
    elif isinstance(value, str):
        _echoable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON can carry")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError("an integer beyond 64 bits")
    return value


class Constraint(WireModel):
    """One constraint. Rule checkers: `type` is a registered id and `kwargs` its arguments. Judge: type `judge` and `text`."""

    type: Annotated[str, AfterValidator(_echoable)] = Field(
        min_length=1,
        max_length=200,
        description="A registered constraint id such as `punctuation:no_comma`, or `judge`.",
    )
    kwargs: Annotated[dict[str, Any], AfterValidator(_plain)] = Field(
        default_factory=dict, description="Arguments of the rule checker; empty for `judge`."
    )
    text: str | None = Field(default=None, description="The constraint in words; only (and always) with type `judge`.")


Constraints = Annotated[list[Constraint], Field(fail_fast=True, max_length=1024)]
"""Of one sample or group, in a request. The verifier's own limit (its setting MAX_CONSTRAINTS) is 64 unless told otherwise."""


class ServiceInfo(WireModel):
    """GET /v1/info."""

    service: str = Field(description="writing-rm, verifier or aggregator.")
    version: str = Field(description="Version of the rlmr distribution.")
    wire: Literal["v1"] = Field(default="v1", description="Version of the wire contract.")
    details: dict[str, Any] = Field(
        default_factory=dict, description="Model, checkers, strategy and settings in force (no secrets)."
    )


class FieldError(WireModel):
    path: str = Field(description="The offending field, as in `samples[3].prompt`; empty for the whole body.")
    message: str = Field(description="What is wrong and what is allowed.")


class ErrorReply(WireModel):
    """Body of every 4xx and 5xx."""

    code: str = Field(
        description="Stable machine-readable code, e.g. invalid_request, too_large, unauthorized, overloaded."
    )
    message: str = Field(description="For a person: what is wrong and the remedy.")
    errors: list[FieldError] = Field(default_factory=list, description="One entry per offending field.")
    request_id: str = Field(description="The X-Request-ID of the call, for finding it in the logs.")
