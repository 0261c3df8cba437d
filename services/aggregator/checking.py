"""What a request must satisfy before an upstream is asked; each refusal is a 422 that names the field."""

import asyncio
from collections.abc import Sequence

import orjson
from pydantic import ValidationError

from rlmr.wire import FieldError, FilterSpec, RewardGroup, StrategySpec
from services.aggregator.asking import Asker, Question
from services.aggregator.mixing import BoundStrategy, GroupFilter
from services.aggregator.settings import AggregatorSettings
from services.aggregator.strategies import installed
from services.serving import ApiError


def bind_strategy(settings: AggregatorSettings, spec: StrategySpec | None) -> BoundStrategy:
    """The request's strategy, or the configured one. Raises ApiError naming the path and what is allowed."""
    if spec is None:
        return settings.bound(settings.strategy, {})
    try:
        return settings.bound(spec.name, spec.params())
    except ValidationError as exc:
        if spec.name not in installed():
            errors = [_error("strategy.name", f"unknown strategy {spec.name!r}; allowed: {', '.join(installed())}")]
        else:
            allowed = ", ".join(installed()[spec.name].parameters) or "none"
            errors = [
                # The first part of a location is the strategy's name: pydantic's tag of the union.
                _error(
                    ".".join(["strategy", *map(str, e["loc"][1:])]), f"{e['msg']}; parameters of {spec.name}: {allowed}"
                )
                for e in exc.errors(include_input=False, include_url=False)
            ]
        raise ApiError(422, "invalid_request", f"{errors[0].path}: {errors[0].message}", errors) from exc


def bind_filter(settings: AggregatorSettings, spec: FilterSpec | None) -> GroupFilter:
    """The service's filter with what the request changes of it. Raises ApiError."""
    try:
        return settings.filter_with(spec)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        error = _error(".".join(["filter", *map(str, first["loc"])]), first["msg"])
        raise ApiError(422, "invalid_request", f"{error.path}: {error.message}", [error]) from exc


def check_size(groups: Sequence[RewardGroup], max_samples: int, path: str) -> None:
    """Raises ApiError for more responses than one request may hold; `path` names the field, with {i} for the group's position."""
    total = 0
    for i, group in enumerate(groups):
        total += len(group.responses)
        if total > max_samples:
            message = f"more than {max_samples} responses in one request: send fewer or raise MAX_SAMPLES"
            error = _error(path.format(i=i), message)
            raise ApiError(422, "too_many_samples", f"{error.path}: {message}", [error])


async def encode_groups(asker: Asker, groups: Sequence[RewardGroup], name: str) -> list[Question]:
    """Raises ApiError for a group that JSON cannot carry. Probes and other requests have their turn in between."""
    questions = []
    for i, group in enumerate(groups):
        if i % 16 == 15:
            await asyncio.sleep(0)
        try:
            questions.append(asker.encode(group))
        except orjson.JSONEncodeError as exc:
            error = _error(f"{name}[{i}]", f"cannot be passed on as JSON: {exc}")
            raise ApiError(422, "invalid_request", f"{error.path}: {error.message}", [error]) from exc
    return questions


def _error(path: str, message: str) -> FieldError:
    return FieldError(path=path, message=message)
