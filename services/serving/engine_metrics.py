"""GET /metrics/engine: the metrics page of an engine in the same pod, which listens on localhost where Prometheus cannot come."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed
from services.serving.errors import ApiError

log = structlog.get_logger(__name__)

REMEMBERED_SECONDS = 2.0
_LOCAL = {"127.0.0.1", "localhost", "::1"}


@dataclass
class _Page:
    content: bytes | None = None
    at: float = float("-inf")


def add_engine_metrics(router: APIRouter, url: str | None) -> None:
    """Adds the route if the engine at `url` (any path of it) is on this host; one elsewhere is scraped where it is."""
    parts = urlsplit(url or "")
    if parts.hostname not in _LOCAL:
        return
    page = f"{parts.scheme}://{parts.netloc}/metrics"
    remembered, asking = _Page(), asyncio.Lock()

    @router.get("/metrics/engine", tags=["probes"], summary="The engine's own metrics, unchanged; 503 while it is away")
    async def engine_metrics() -> Response:
        # Prometheus has no key, so anyone may ask: the engine hears of one request in a while, however many come.
        async with asking:
            if time.monotonic() - remembered.at >= REMEMBERED_SECONDS:
                remembered.content = await _read(page)
                remembered.at = time.monotonic()
        if remembered.content is None:
            message = "the engine's metrics cannot be read; the log says why (sglang needs --enable-metrics)"
            raise ApiError(503, "engine_away", message)
        return Response(remembered.content, media_type=CONTENT_TYPE_LATEST)


async def _read(page: str) -> bytes | None:
    """None, and the reason in the log, if it cannot be had."""
    try:
        async with AiohttpTransport() as http:
            return (await http.get(page, 5.0)).content
    except AttemptFailed as exc:
        log.warning("engine_metrics_not_read", page=page, reason=str(exc))
        return None
