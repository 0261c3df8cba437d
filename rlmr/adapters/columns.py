"""A trainer's columns as the wire has them: prompts, completions and constraints in each form that datasets carry them in."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from rlmr.wire.reward import RewardGroup


def group_of(group_id: str, prompt: Any, constraints: Any, responses: Iterable[Any]) -> RewardGroup:
    """One group for POST /reward. Raises ValueError that names the group for anything the wire does not carry."""
    try:
        return RewardGroup.model_validate(
            {
                "id": group_id,
                "prompt": prompt_of(prompt),
                "constraints": constraints_of(constraints),
                "responses": [response_of(response) for response in responses],
            }
        )
    except (ValidationError, ValueError, TypeError, KeyError) as exc:
        raise ValueError(f"group {group_id!r} cannot be asked for: {type(exc).__name__}: {exc}") from exc


def prompt_of(prompt: Any) -> str | list[dict[str, Any]]:
    """A string, or chat messages reduced to role and text."""
    if isinstance(prompt, str):
        return prompt
    return [{"role": message["role"], "content": _text(message.get("content"))} for message in prompt]


def response_of(completion: Any) -> str:
    """The policy's text: a string as it is; of messages the last one of the assistant, its answer after any use of tools."""
    if isinstance(completion, str):
        return completion
    answers = [message for message in completion if message.get("role") == "assistant"]
    # No answer at all is the policy's own doing: an empty text, which the services judge.
    return _text(answers[-1].get("content")) if answers else ""


def constraints_of(value: Any) -> list[dict[str, Any]] | None:
    """A JSON string (the safe form), a list of mappings, or null (the judge reads the constraints out of the prompt).

    Arrow gives the mappings of a column one set of keys and fills the missing ones with null: those are taken out again, from a
    constraint and from its kwargs. A JSON string is taken as it is."""
    if isinstance(value, str):
        read = json.loads(value)
        if read is not None and not isinstance(read, list):
            raise ValueError(f"constraints are {value[:80]!r}: a JSON list, or null")
        return read
    if value is None:
        return None
    return [_without_nulls(constraint) for constraint in value]


def _without_nulls(constraint: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in constraint.items() if value is not None}
    if "kwargs" in kept:
        kept["kwargs"] = {name: _plain(value) for name, value in kept["kwargs"].items() if value is not None}
    return kept


def _plain(value: Any) -> Any:
    """numpy scalars and arrays, which parquet readers give, as Python's own."""
    return value.tolist() if hasattr(value, "tolist") else value


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    kinds = [part.get("type") for part in content]
    if any(kind != "text" for kind in kinds):
        raise ValueError(f"a message holds {', '.join(map(str, kinds))}: only text can be rewarded")
    return "".join(part["text"] for part in content)
