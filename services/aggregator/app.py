"""The aggregator: routes and lifespan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from rlmr.wire import (
    Decision,
    ErrorReply,
    Expected,
    FieldError,
    GetRewardReply,
    GetRewardRequest,
    RewardGroupResult,
    RewardReply,
    RewardRequest,
    StrategySpec,
)
from services.aggregator import describing
from services.aggregator.asking import Asker, Circumstances, Question
from services.aggregator.checking import bind_filter, bind_strategy, check_size, encode_groups
from services.aggregator.deciding import decide
from services.aggregator.get_reward import lone_groups, lone_rewards
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.mixing import MixingError
from services.aggregator.settings import AggregatorSettings
from services.aggregator.shadow import Shadow
from services.aggregator.signals import Signals, one_identity
from services.aggregator.strategies import installed
from services.aggregator.together import all_of
from services.aggregator.upstream import Upstream
from services.serving import ApiError, Readiness, create_app, serve
from services.serving.body import JsonRoute
from services.serving.deadline import seconds_left
from services.serving.disconnect import ClientLeft, until_disconnect

log = structlog.get_logger(__name__)


def why_dropped(result: RewardGroupResult) -> dict[str, Any]:
    """For the log."""
    told = result.diagnostics
    return {
        "group": result.id,
        "reason": result.reason,
        "n": told.n,
        "n_valid": told.n_valid,
        "k": told.k,
        "first_failure": next((s.reasons[0] for s in told.samples if s.reasons), None),
    }


def build_app(settings: AggregatorSettings) -> FastAPI:
    metrics = AggregatorMetrics.create()
    writing_rm = Upstream("writing_rm", settings.writing_rm_url, settings, metrics)
    verifier = Upstream("verifier", settings.verifier_url, settings, metrics)
    asker = Asker(settings, writing_rm, verifier, metrics)
    second = Upstream("shadow", settings.shadow_writing_rm_url or settings.writing_rm_url, settings, metrics)
    shadow = Shadow(second, settings, metrics) if settings.shadow_writing_rm_url else None
    fault_kinds = frozenset(settings.policy_faults)
    router = APIRouter(route_class=JsonRoute)

    @router.post(
        "/reward",
        summary="Rewards for whole groups, with the decision to train on each or drop it",
        responses={
            409: {"model": ErrorReply, "description": "`revision_mismatch`: another revision answers than expected"},
            424: {"model": ErrorReply, "description": "`upstream_key`: an upstream does not take the aggregator's key"},
        },
    )
    async def reward(body: RewardRequest, request: Request) -> RewardReply:
        bound, group_filter = bind_strategy(settings, body.strategy), bind_filter(settings, body.filter)
        check_size(body.groups, settings.max_samples, "groups[{i}].responses")
        questions = await encode_groups(asker, body.groups, "groups")
        circumstances = Circumstances(
            request.scope["rlmr_request_id"], seconds_left(request), body.expect or Expected()
        )

        async def one(index: int, question: Question) -> tuple[RewardGroupResult, Signals]:
            group = question.group
            signals = await asker.ask(question, bound.strategy, circumstances)
            try:
                result = decide(group, question.cut_chars, signals, bound, group_filter, fault_kinds)
            except MixingError as exc:
                path = f"groups[{index}].responses"
                error = FieldError(path=path, message=str(exc))
                raise ApiError(422, "invalid_request", f"{path}: {exc}", [error]) from exc
            metrics.count_decision(result, signals, bound.name)
            if shadow:
                shadow.follow(question, signals, circumstances.request_id)
            if result.decision is Decision.DROP:
                log.info(
                    "group_dropped", **why_dropped(result), strategy=bound.name, request_id=circumstances.request_id
                )
            return result, signals

        work = [one(i, question) for i, question in enumerate(questions)]
        try:
            answers = await until_disconnect(request, all_of(work))
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        reply = RewardReply(
            strategy=StrategySpec(**bound.params.model_dump()),
            filter=group_filter,
            model=one_identity([signals.model for _, signals in answers]),
            verifier=one_identity([signals.verifier for _, signals in answers]),
            groups=[result for result, _ in answers],
        )
        # Encoded here: FastAPI would validate and copy the whole reply once more.
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    @router.post("/get_reward", summary="OpenRLHF's remote reward contract, for strategies that reward a lone sample")
    async def get_reward(body: GetRewardRequest, request: Request) -> GetRewardReply:
        bound = bind_strategy(settings, None)
        groups = lone_groups(body, bound, settings.strip_suffixes)
        check_size(groups, settings.max_samples, "query")
        questions = await encode_groups(asker, groups, "labels")
        circumstances = Circumstances(request.scope["rlmr_request_id"], seconds_left(request))
        work = [asker.ask(question, bound.strategy, circumstances) for question in questions]
        try:
            reply = lone_rewards(await until_disconnect(request, all_of(work)), bound)
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    @router.get("/v1/shadow", tags=["info"], summary="How the shadow reward model differs from the one that counts")
    async def shadow_report() -> dict[str, Any]:
        if shadow is None:
            raise ApiError(404, "no_shadow", "no shadow model: set RLMR_AGGREGATOR_SHADOW_WRITING_RM_URL")
        return shadow.summary.report()

    async def readiness() -> Readiness:
        need = bind_strategy(settings, None).strategy
        needed = [u for u, wanted in ((writing_rm, need.needs_writing), (verifier, need.needs_verdict)) if wanted]
        needed = [u for u in needed if u.name not in settings.ready_without]
        reasons = [why for why in await asyncio.gather(*(u.why_not_ready() for u in needed)) if why]
        return Readiness(not reasons, reasons)

    def details() -> dict[str, Any]:
        return {
            "strategy": settings.bound(settings.strategy, {}).params.model_dump(),
            "strategies": describing.info(installed()),
            "filter": settings.filter().model_dump(),
            "upstreams": {"writing_rm": settings.writing_rm_url, "verifier": settings.verifier_url},
            "shadow": settings.shadow_writing_rm_url,
            "limits": {
                "max_body_bytes": settings.max_body_bytes,
                "max_samples": settings.max_samples,
                "max_chars": settings.max_chars,
            },
        }

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with writing_rm, verifier, second:
            yield
            if shadow:
                await shadow.stop()

    app = create_app(
        service="aggregator",
        title="RLMR aggregator",
        settings=settings,
        router=router,
        readiness=readiness,
        details=details,
        metrics=metrics.http,
        lifespan=lifespan,
    )
    describing.describe_in_openapi(app, installed())
    return app


def main(**overrides: Any) -> None:
    settings = AggregatorSettings.load(**overrides)
    serve(build_app(settings), settings)
