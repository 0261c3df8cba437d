"""The writing reward model service: routes and lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from rlmr.wire import FieldError, ScoreReply, ScoreRequest
from services.serving import ApiError, Readiness, create_app, serve
from services.serving.disconnect import ClientLeft, until_disconnect
from services.serving.engine_metrics import add_engine_metrics
from services.serving.metrics import HttpMetrics
from services.writing_rm.engines.choose import before_torch_loads
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model_service import ModelService
from services.writing_rm.settings import WritingRmSettings


def build_app(settings: WritingRmSettings) -> FastAPI:
    http_metrics = HttpMetrics.create("writing-rm")
    model = ModelService(settings, WritingRmMetrics.create(http_metrics.registry))
    router = APIRouter()
    add_engine_metrics(router, next(iter(settings.engine_urls), None))

    @router.post("/score", summary="Standardised writing rewards, one per sample")
    async def score(body: ScoreRequest, request: Request) -> ScoreReply:
        if len(body.samples) > settings.max_samples:
            message = f"{len(body.samples)} samples, at most {settings.max_samples}: send several requests"
            raise ApiError(
                422, "too_many_samples", f"samples: {message}", [FieldError(path="samples", message=message)]
            )
        try:
            reply = await until_disconnect(request, model.reply(body))
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        # Encoded here: FastAPI would validate and copy the whole reply once more.
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    async def readiness() -> Readiness:
        problems = model.problems()
        return Readiness(not problems, problems)

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
    )


def main(**overrides: Any) -> None:
    settings = WritingRmSettings.load(**overrides)
    before_torch_loads(settings)
    serve(build_app(settings), settings)
