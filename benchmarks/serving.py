"""What the plumbing that all services share costs a request, in CPU: `python -m benchmarks.serving`.

A group of 8 x 5 KB goes through the whole app, from the ASGI server's call to the last message, and the route does nothing with it:
request id, key, limits, body to wire type, the watch for a caller that leaves, metrics, access log. No sockets.
"""

import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import Message

from rlmr.wire import RewardRequest
from services.serving import Readiness, ServiceSettings, create_app
from services.serving.body import JsonRoute
from services.serving.disconnect import until_disconnect
from services.serving.logs import configure_logs
from services.serving.metrics import HttpMetrics

ROUNDS, REQUESTS = 12, 300
RESPONSE = "It was a dark night. " * 250
GROUP = {"id": "g", "prompt": "p" * 500, "constraints": [], "responses": [RESPONSE] * 8}


def build_app() -> FastAPI:
    router = APIRouter(route_class=JsonRoute)

    async def work() -> bytes:
        await asyncio.sleep(0)
        return b"{}"

    @router.post("/reward")
    async def reward(body: RewardRequest, request: Request) -> Response:
        return Response(await until_disconnect(request, work()))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    async def readiness() -> Readiness:
        return Readiness(True)

    return create_app(
        service="aggregator",
        title="benchmark",
        settings=ServiceSettings(),
        router=router,
        readiness=readiness,
        details=dict,
        metrics=HttpMetrics.create("benchmark"),
        lifespan=lifespan,
    )


async def one_request(app: FastAPI, body: bytes) -> None:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    never = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/reward",
        "raw_path": b"/reward",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 9),
        "root_path": "",
        "app": app,
        "asgi": {"version": "3.0"},
    }
    await app(scope, receive, send)


async def milliseconds(app: FastAPI, body: bytes) -> float:
    """CPU per request: the best round, since others may want the cores too."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(REQUESTS):
            await one_request(app, body)
        rounds.append((time.process_time() - started) / REQUESTS * 1e3)
    return min(rounds)


def main() -> None:
    sys.stderr = io.StringIO()  # the access log is written, and read by nobody
    configure_logs("info", "json")
    body = orjson.dumps({"groups": [GROUP]})
    cpu = asyncio.run(milliseconds(build_app(), body))
    print(f"{cpu:.3f} ms of CPU per request of {len(body)} bytes")


if __name__ == "__main__":
    main()
