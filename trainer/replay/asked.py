"""A strategy as it is written on a command line: NAME, or NAME:param=value,param=value."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from rlmr.mistake import Mistake
from services.aggregator.mixing import BoundStrategy, GroupFilter
from services.aggregator.strategies import installed


def strategy_asked(text: str) -> BoundStrategy:
    """`rlmr:gamma=0.5,gamma_unit=group`. Raises Mistake naming the strategy or the parameter, and what there is instead."""
    name, _, rest = text.partition(":")
    params = parameters(filter(None, rest.split(",")))
    known = installed()
    if name not in known:
        raise Mistake(f"there is no strategy {name}; there are {', '.join(known)}")
    try:
        return known.bind({"name": name, **params})
    except ValidationError as exc:
        problems = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in exc.errors(include_input=False))
        has = ", ".join(known[name].parameters) or "none"
        raise Mistake(f"strategy {text}: {problems} (parameters of {name}: {has})") from exc


def filter_asked(stored: Mapping[str, Any], changes: Iterable[str]) -> GroupFilter:
    """`stored` with `name=value` each. Raises Mistake."""
    try:
        return GroupFilter(**{**stored, **parameters(changes)})
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False))
        raise Mistake(f"--filter: {problems} (there are {', '.join(GroupFilter.model_fields)})") from exc


def spelled(strategy: Mapping[str, Any]) -> str:
    """A stored `{"name": ..., parameters}` as strategy_asked reads it."""
    given = ",".join(f"{name}={value}" for name, value in strategy.items() if name != "name")
    return f"{strategy['name']}:{given}" if given else str(strategy["name"])


def parameters(parts: Iterable[str]) -> dict[str, Any]:
    """`name=value` each; values are JSON, or else text. Raises Mistake."""
    params: dict[str, Any] = {}
    for part in parts:
        key, found, value = part.partition("=")
        if not found:
            raise Mistake(f"{part!r} is not name=value")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    return params
