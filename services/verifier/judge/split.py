"""Reads the constraints out of a prompt: atomic ones, each mapped to a rule checker where one checks exactly that."""

from functools import cache
from typing import Any

from pydantic import ValidationError

from rlmr.wire import Constraint, Status
from services.verifier.constraints import ConstraintError, prepare, registry
from services.verifier.constraints.registry import allowed_kwargs
from services.verifier.judge.endpoint import JudgeFailure
from services.verifier.judge.verdict import read_object

MAX_CONSTRAINTS = 24
_BENCHMARK_ONLY = ("count:", "custom:", "format:", "ratio:", "repeat:", "sentence:", "words:", "combination:")


@cache
def offered_ids() -> tuple[str, ...]:
    """Ids that the judge may map a requirement to. IFBench's are left out: they mean what no writer asks for."""
    return tuple(sorted(c.id for c in registry.values() if c.origin or not c.id.startswith(_BENCHMARK_ONLY)))


@cache
def rules_text() -> str:
    """The offered rules, one a line, for the prompt."""
    return "\n".join(f"- {id}: {registry[id].summary} kwargs: {allowed_kwargs(registry[id])}" for id in offered_ids())


@cache
def split_format() -> dict[str, Any]:
    """No limits of length: within them xgrammar refuses quotation marks, and requirements quote."""
    item = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "type": {"type": "string", "enum": ["judge", *offered_ids()]},
            "kwargs": {"type": "object"},
        },
        "required": ["text", "type", "kwargs"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"constraints": {"type": "array", "items": item, "maxItems": MAX_CONSTRAINTS}},
        "required": ["constraints"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "constraints", "strict": True, "schema": schema}}


def read_constraints(choice: dict[str, Any]) -> list[Constraint]:
    """Raises JudgeFailure. A rule whose kwargs do not fit is given back to the judge, in words."""
    items = read_object(choice).get("constraints")
    if not isinstance(items, list) or len(items) > MAX_CONSTRAINTS:
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the answer has no list of constraints")
    return [_read_constraint(item) for item in items]


def _read_constraint(item: Any) -> Constraint:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str) or not item["text"].strip():
        raise JudgeFailure(Status.UNPARSEABLE, "judge: a constraint without its text")
    kind, kwargs = item.get("type"), item.get("kwargs") or {}
    if kind != "judge" and kind in offered_ids() and isinstance(kwargs, dict):
        try:
            prepare(kind, kwargs)
            return Constraint(type=kind, kwargs=kwargs)
        except (
            ConstraintError,
            ValidationError,
        ):  # the second: what the wire does not carry, such as an infinite number
            return Constraint(type="judge", text=item["text"])
    if kind != "judge" and kind not in offered_ids():
        raise JudgeFailure(Status.UNPARSEABLE, "judge: a constraint of a type that was not offered")
    return Constraint(type="judge", text=item["text"])
