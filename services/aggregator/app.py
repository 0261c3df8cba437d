"""The aggregator: routes and lifespan."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, FastAPI, Request
from pydantic import ValidationError
from starlette.responses import Response

from rlmr.wire import (
    FieldError,
    GetRewardReply,
    GetRewardRequest,
    RewardGroup,
    RewardGroupResult,
    RewardReply,
    RewardRequest,
    StrategySpec,
)
from services.aggregator.get_reward import GetReward
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.mixing import STRATEGIES, BoundStrategy, MixingError
from services.aggregator.reward import Rewarder, Signals, one_identity
from services.aggregator.settings import AggregatorSettings
from services.aggregator.signals import Question
from services.aggregator.upstream import Upstream
from services.serving import ApiError, Readiness, create_app, serve
from services.serving.disconnect import ClientLeft, until_disconnect

T = TypeVar("T")


def bind_strategy(settings: AggregatorSettings, spec: StrategySpec | None) -> BoundStrategy:
    """The request's strategy, or the configured one. Raises ApiError 422 naming the path and what is allowed."""
    if spec is None:
        return settings.bound(settings.strategy, {})
    if spec.name not in STRATEGIES:
        message = f"unknown strategy {spec.name!r}; allowed: {', '.join(STRATEGIES)}"
        raise ApiError(
            422, "invalid_request", f"strategy.name: {message}", [FieldError(path="strategy.name", message=message)]
        )
    try:
        return settings.bound(spec.name, spec.params())
    except ValidationError as exc:
        allowed = ", ".join(STRATEGIES[spec.name].params.model_fields) or "none"
        errors = [
            FieldError(
                path=".".join(["strategy", *map(str, e["loc"])]),
                message=f"{e['msg']}; parameters of {spec.name}: {allowed}",
            )
            for e in exc.errors(include_input=False, include_url=False)
        ]
        raise ApiError(422, "invalid_request", f"{errors[0].path}: {errors[0].message}", errors) from exc


def check_size(groups: list[RewardGroup], max_samples: int) -> None:
    """Raises ApiError 422 for more responses than one request may hold."""
    total = 0
    for i, group in enumerate(groups):
        total += len(group.responses)
        if total > max_samples:
            message = f"more than {max_samples} responses in one request: send fewer groups or raise MAX_SAMPLES"
            path = f"groups[{i}].responses"
            raise ApiError(422, "too_many_samples", f"{path}: {message}", [FieldError(path=path, message=message)])


def encode_groups(rewarder: Rewarder, groups: list[RewardGroup], name: str) -> list[Question]:
    questions = []
    for i, group in enumerate(groups):
        try:
            questions.append(rewarder.encode(group))
        except orjson.JSONEncodeError as exc:
            path, message = f"{name}[{i}]", f"cannot be passed on as JSON: {exc}"
            raise ApiError(
                422, "invalid_request", f"{path}: {message}", [FieldError(path=path, message=message)]
            ) from exc
    return questions


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Results in order; cancelling it cancels all."""
    return list(await asyncio.gather(*work))


def build_app(settings: AggregatorSettings) -> FastAPI:
    metrics = AggregatorMetrics.create()
    writing_rm = Upstream("writing_rm", settings.writing_rm_url, settings, metrics)
    verifier = Upstream("verifier", settings.verifier_url, settings, metrics)
    rewarder = Rewarder(settings, writing_rm, verifier, metrics)
    lone = GetReward(rewarder)
    router = APIRouter()

    @router.post("/reward", summary="Rewards for whole groups, with the decision to train on each or drop it")
    async def reward(body: RewardRequest, request: Request) -> RewardReply:
        bound = bind_strategy(settings, body.strategy)
        check_size(body.groups, settings.max_samples)
        questions = encode_groups(rewarder, body.groups, "groups")
        request_id = request.scope["rlmr_request_id"]

        async def one(index: int, group: RewardGroup, question: Question) -> tuple[RewardGroupResult, Signals]:
            try:
                return await rewarder.group(group, question, bound, request_id)
            except MixingError as exc:
                path = f"groups[{index}].responses"
                raise ApiError(
                    422, "invalid_request", f"{path}: {exc}", [FieldError(path=path, message=str(exc))]
                ) from exc

        work = (one(i, g, q) for i, (g, q) in enumerate(zip(body.groups, questions, strict=True)))
        try:
            answers = await until_disconnect(request, all_of(work))
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        reply = RewardReply(
            strategy=StrategySpec(name=bound.name, **bound.params.model_dump()),
            model=one_identity([signals.model for _, signals in answers]),
            verifier=one_identity([signals.verifier for _, signals in answers]),
            groups=[result for result, _ in answers],
        )
        # Encoded here: FastAPI would validate and copy the whole reply once more.
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    @router.post("/get_reward", summary="OpenRLHF's remote reward contract, for strategies that reward a lone sample")
    async def get_reward(body: GetRewardRequest, request: Request) -> GetRewardReply:
        bound = bind_strategy(settings, None)
        groups = lone.check(body, bound)
        if len(groups) > settings.max_samples:
            message = f"more than {settings.max_samples} samples in one request"
            raise ApiError(422, "too_many_samples", f"query: {message}", [FieldError(path="query", message=message)])
        questions = encode_groups(rewarder, groups, "labels")
        request_id = request.scope["rlmr_request_id"]
        work = (rewarder.ask(g, q, bound, request_id) for g, q in zip(groups, questions, strict=True))
        try:
            return lone.reply(await until_disconnect(request, all_of(work)), bound)
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]

    async def readiness() -> Readiness:
        need = bind_strategy(settings, None).strategy
        needed = [u for u, wanted in ((writing_rm, need.needs_writing), (verifier, need.needs_verdict)) if wanted]
        needed = [u for u in needed if u.name not in settings.ready_without]
        reasons = [why for why in await asyncio.gather(*(u.why_not_ready() for u in needed)) if why]
        return Readiness(not reasons, reasons)

    def details() -> dict[str, Any]:
        return {
            "strategy": {"name": settings.strategy, **settings.bound(settings.strategy, {}).params.model_dump()},
            "strategies": {
                name: {
                    "params": sorted(s.params.model_fields),
                    "needs_writing": s.needs_writing,
                    "needs_verdict": s.needs_verdict,
                    "per_sample": s.per_sample,
                }
                for name, s in STRATEGIES.items()
            },
            "filter": settings.filter().model_dump(),
            "upstreams": {"writing_rm": settings.writing_rm_url, "verifier": settings.verifier_url},
            "limits": {
                "max_body_bytes": settings.max_body_bytes,
                "max_samples": settings.max_samples,
                "max_chars": settings.max_chars,
            },
        }

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with writing_rm, verifier:
            yield

    return create_app(
        service="aggregator",
        title="RLMR aggregator",
        settings=settings,
        router=router,
        readiness=readiness,
        details=details,
        metrics=metrics.http,
        lifespan=lifespan,
    )


def main(**overrides: Any) -> None:
    settings = AggregatorSettings.load(**overrides)
    serve(build_app(settings), settings)
