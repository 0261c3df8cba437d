"""The writing reward model service: routes and lifespan."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from rlmr.wire import FieldError, ScoreGroupsReply, ScoreReply, ScoreRequest
from services.serving import ApiError, Readiness, create_app, serve
from services.serving.body import JsonRoute
from services.serving.deadline import seconds_left
from services.serving.disconnect import ClientLeft, until_disconnect
from services.serving.engine_metrics import add_engine_metrics
from services.serving.metrics import HttpMetrics
from services.writing_rm.engines.choose import before_torch_loads
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model_service import ModelService
from services.writing_rm.settings import WritingRmSettings

log = structlog.get_logger(__name__)

WRONG_MODEL = 3
"""Exit code of a service whose model can never be served; 2 is a mistake in the settings."""


def build_app(settings: WritingRmSettings, give_up: Callable[[str], None] = lambda reason: None) -> FastAPI:
    """give_up: called with the reason if the model can never be served. Without it, /livez says so and somebody else ends the process."""
    http_metrics = HttpMetrics.create("writing-rm")
    model = ModelService(settings, WritingRmMetrics.create(http_metrics.registry), give_up)
    router = APIRouter(route_class=JsonRoute)
    add_engine_metrics(router, next(iter(settings.engine_urls), None))

    @router.post("/score", summary="Standardised writing rewards, one per sample")
    async def score(body: ScoreRequest, request: Request) -> ScoreReply | ScoreGroupsReply:
        samples, path = body.flat(), "samples" if body.groups is None else "groups"
        if len(samples) > settings.max_samples:
            message = f"{len(samples)} texts, at most {settings.max_samples}: send several requests"
            raise ApiError(422, "too_many_samples", f"{path}: {message}", [FieldError(path=path, message=message)])
        try:
            reply = body.reply(*await until_disconnect(request, model.scored(samples, seconds_left(request))))
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        # Encoded here: FastAPI would validate and copy the whole reply once more.
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    async def readiness() -> Readiness:
        problems = model.problems()
        return Readiness(not problems, problems or model.remarks())

    def details() -> dict[str, Any]:
        return model.details()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        model.start()
        try:
            yield
        finally:
            await model.stop()

    return create_app(
        service="writing-rm",
        title="RLMR writing reward model",
        settings=settings,
        router=router,
        readiness=readiness,
        details=details,
        metrics=http_metrics,
        lifespan=lifespan,
        liveness=model.needs_restart,
    )


def main(**overrides: Any) -> None:
    """Serves until it is told to stop. Raises SystemExit with WRONG_MODEL if the model can never be served."""
    settings = WritingRmSettings.load(**overrides)
    before_torch_loads(settings)
    gave_up: list[str] = []

    def give_up(reason: str) -> None:
        gave_up.append(reason)
        os.kill(os.getpid(), signal.SIGINT)  # as an impatient operator would: no drain, for nothing is served

    serve(build_app(settings, give_up), settings)
    if gave_up:
        log.error("model_never_served", model_dir=str(settings.model_dir), reason=gave_up[0], exit_code=WRONG_MODEL)
        raise SystemExit(WRONG_MODEL)
