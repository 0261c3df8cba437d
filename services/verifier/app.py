"""The verifier service: POST /verify. Routes and lifespan only; the work is in service.py and verify.py."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from rlmr.wire import VerifyGroupsReply, VerifyReply, VerifyRequest
from services.serving import Readiness, create_app, serve
from services.serving.body import JsonRoute
from services.serving.deadline import seconds_left
from services.serving.disconnect import ClientLeft, until_disconnect
from services.serving.engine_metrics import add_engine_metrics
from services.verifier.constraints import libraries, registry
from services.verifier.deadline import Deadline
from services.verifier.judge import Judge
from services.verifier.judge.endpoint import ChatEndpoint
from services.verifier.judge.watch import JudgeWatch
from services.verifier.metrics import VerifierMetrics
from services.verifier.service import Verifier
from services.verifier.settings import VerifierSettings
from services.verifier.text.language import detect_language


def build_app(settings: VerifierSettings) -> FastAPI:
    metrics = VerifierMetrics.create()
    verifier = Verifier(settings, metrics)
    router = APIRouter(route_class=JsonRoute)
    add_engine_metrics(router, settings.judge_url)
    ready = Readiness(False, ["starting"])

    @router.post("/verify", tags=["verify"], summary="Which constraints each response obeys")
    async def verify(body: VerifyRequest, request: Request) -> VerifyReply | VerifyGroupsReply:
        asked = seconds_left(request)
        deadline = Deadline(min(settings.timeout_seconds, asked) if asked else settings.timeout_seconds)
        try:
            reply = await until_disconnect(request, verifier.verify(body, deadline))
        except ClientLeft:
            return Response(status_code=499)  # type: ignore[return-value]
        # Encoded here: FastAPI would validate and copy the whole reply once more.
        return Response(reply.model_dump_json(), media_type="application/json")  # type: ignore[return-value]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        detect_language("The language profiles are read before the first request needs them.")
        async with AsyncExitStack() as stack:
            stack.callback(verifier.rules.stop)
            if settings.judge_url is not None:
                endpoint = await stack.enter_async_context(ChatEndpoint(settings, metrics))
                verifier.judge = Judge(endpoint, settings)
                verifier.watch = JudgeWatch(verifier.judge, endpoint, settings, metrics)
                verifier.watch.start()
                stack.push_async_callback(verifier.watch.stop)
            ready.ready, ready.reasons = True, []
            yield
            ready.ready, ready.reasons = False, ["stopped"]

    async def readiness() -> Readiness:
        """With a judge configured, ready only while the judge can answer."""
        if not ready.ready or verifier.watch is None:
            return ready
        await verifier.watch.first_look()
        problem = verifier.watch.problem()
        return Readiness(False, [problem]) if problem else ready

    def details() -> dict[str, Any]:
        return {
            "verifier": verifier.identity.model_dump(),
            "judge": asdict(served) if verifier.judge and (served := verifier.judge.served) else None,
            "judge_usage": verifier.judge.usage if verifier.judge else None,
            "libraries": libraries(),
            "checkers": {
                c.id: {
                    "version": c.version,
                    "summary": c.summary,
                    "unsure": c.unsure,
                    **({"package": str(c.origin)} if c.origin else {}),
                }
                for c in registry.values()
            },
            "settings": settings.model_dump(mode="json", exclude={"api_key", "judge_api_key"}),
        }

    return create_app(
        service="verifier",
        title="RLMR verifier",
        settings=settings,
        router=router,
        readiness=readiness,
        details=details,
        metrics=metrics.http,
        lifespan=lifespan,
    )


def main(**overrides: Any) -> None:
    """Starts the service; `overrides` are settings given on the command line."""
    settings = VerifierSettings.load(**overrides)
    serve(build_app(settings), settings)
