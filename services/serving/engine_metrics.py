"""GET /metrics/engine: the metrics page of an engine in the same pod, which listens on localhost where Prometheus cannot come."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed
from services.serving.errors import ApiError

_LOCAL = {"127.0.0.1", "localhost", "::1"}


def add_engine_metrics(router: APIRouter, url: str | None) -> None:
    """Adds the route if the engine at `url` (any path of it) is on this host; one elsewhere is scraped where it is."""
    parts = urlsplit(url or "")
    if parts.hostname not in _LOCAL:
        return
    page = f"{parts.scheme}://{parts.netloc}/metrics"

    @router.get("/metrics/engine", tags=["probes"], summary="The engine's own metrics, unchanged; 503 while it is away")
    async def engine_metrics() -> Response:
        try:
            async with AiohttpTransport() as http:
                reply = await http.get(page, 5.0)
        except AttemptFailed as exc:
            hint = " (sglang needs --enable-metrics)" if exc.status else ""
            raise ApiError(503, "engine_away", f"{page}: {exc}{hint}") from exc
        return Response(reply.content, media_type=CONTENT_TYPE_LATEST)
