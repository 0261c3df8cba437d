"""Builds a service: routes of its own plus /livez, /readyz, /metrics, /v1/info, errors, authentication and limits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rlmr import __version__
from rlmr.wire import ErrorReply, ServiceInfo
from services.serving.errors import install_error_handlers
from services.serving.metrics import HttpMetrics
from services.serving.middleware import ServiceLayer
from services.serving.settings import ServiceSettings

log = structlog.get_logger(__name__)


@dataclass
class Readiness:
    """Answer of a readiness check: ready only when the service can answer truthfully; `reasons` say why it is not."""

    ready: bool
    reasons: list[str] = field(default_factory=list)


ReadinessCheck = Callable[[], Awaitable[Readiness]]
InfoDetails = Callable[[], dict[str, Any]]
LivenessCheck = Callable[[], str | None]
"""Why only a restart helps; None while the process can mend itself."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    service: str,
    title: str,
    settings: ServiceSettings,
    router: APIRouter,
    readiness: ReadinessCheck,
    details: InfoDetails,
    metrics: HttpMetrics,
    lifespan: Lifespan,
    liveness: LivenessCheck = lambda: None,
) -> FastAPI:
    """The ASGI app of one service. `lifespan` starts and stops its engine; the app listens (is live) before it is ready."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        if settings.api_key is None:
            log.warning("no_api_key", message="RLMR_API_KEY is not set: anyone who reaches this port may call it")
        async with lifespan(app):
            yield

    error = {"model": ErrorReply}
    app = FastAPI(
        title=title,
        version=__version__,
        lifespan=run,
        responses={
            401: {**error, "description": "Missing or wrong bearer key"},
            413: {**error, "description": "Body over the limit"},
            422: {**error, "description": "Malformed or over a limit; `errors` names the fields"},
            429: {**error, "description": "Overloaded: wait Retry-After seconds"},
            503: {**error, "description": "Not ready"},
        },
    )
    app.state.draining = False
    install_error_handlers(app)
    app.include_router(router)

    @app.get("/livez", tags=["probes"], summary="The process works; 503 when only a restart helps")
    async def livez() -> Response:
        if (reason := liveness()) is not None:
            return JSONResponse({"status": "restart", "reason": reason}, status_code=503)
        return JSONResponse({"status": "live"})

    @app.get("/readyz", tags=["probes"], summary="The service can answer truthfully; 503 with the reasons otherwise")
    async def readyz(request: Request) -> Response:
        answer = await readiness()
        if request.app.state.draining:
            answer = Readiness(False, ["shutting down"])
        metrics.ready.set(1 if answer.ready else 0)
        if answer.reasons and request.scope.get("rlmr_stranger"):
            # They name addresses and quote exceptions. kubelet, which holds no key, needs the status alone.
            answer = Readiness(answer.ready, ["send the key to read the reasons"])
        return JSONResponse(
            {"ready": answer.ready, "reasons": answer.reasons},
            status_code=200 if answer.ready else 503,
            headers={} if answer.ready else {"Retry-After": "2"},
        )

    @app.get("/metrics", tags=["probes"], summary="Prometheus text format")
    async def metrics_text() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/info", tags=["info"], summary="What runs here: versions, revisions, settings (no secrets)")
    async def info() -> ServiceInfo:
        return ServiceInfo(service=service, version=__version__, details=details())

    routes = frozenset(str(path) for r in app.routes if (path := getattr(r, "path", None)))
    app.add_middleware(ServiceLayer, settings=settings, metrics=metrics, routes=routes)
    return app
