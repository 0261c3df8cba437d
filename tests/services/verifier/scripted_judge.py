"""A judge endpoint for tests: what it answers, and every way it can fail, is set by the test."""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], Any]


def completion(
    text: str | None, finish_reason: str = "stop", usage: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    found: dict[str, Any] = {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason, **more}]}
    return found if usage is None else found | {"usage": usage}


def verdict(passed: bool, reason: str = "because") -> dict[str, Any]:
    return completion(json.dumps({"reason": reason, "verdict": "met" if passed else "violated"}))


class ScriptedJudge:
    """`answer(body)` gives a completion (dict), raw bytes, (status, headers, text), or one of "hang", "reset", "truncated", "drip".

    `faults` are used up first, one a call. `bodies` holds every request.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer, self.faults, self.bodies = answer, list[Any](), list[dict[str, Any]]()
        self.in_flight = self.most_in_flight = 0
        self.seconds = 0.005
        """Time before an answer; a caller that leaves before it ends the call."""
        self.models_status = 200
        self.models: Any = {"object": "list", "data": [{"id": "scripted", "root": "/models/scripted"}]}
        self.metrics = ""

    def __enter__(self) -> "ScriptedJudge":
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", lambda request: self._models())
        app.router.add_get("/metrics", lambda request: self._metrics())
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _models(self) -> web.Response:
        return web.json_response(self.models, status=self.models_status)

    async def _metrics(self) -> web.Response:
        return web.Response(text=self.metrics)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            return await self._reply(request, self.faults.pop(0) if self.faults else self.answer(body))
        finally:
            self.in_flight -= 1

    async def _reply(self, request: web.Request, answer: Any) -> web.StreamResponse:
        if isinstance(answer, dict):
            return web.json_response(answer)
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="application/json")
        if isinstance(answer, tuple):
            status, headers, text = answer
            return web.Response(status=status, headers=headers, text=text)
        if answer == "hang":
            await asyncio.sleep(60)
        transport = request.transport
        assert transport is not None
        if answer == "reset":
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            return web.Response()
        whole = json.dumps(verdict(True)).encode()
        stream = web.StreamResponse(headers={"Content-Length": str(len(whole))})
        await stream.prepare(request)
        if answer == "truncated":
            await stream.write(whole[:20])
            transport.abort()
            return stream
        for byte in whole:  # drip
            await stream.write(bytes([byte]))
            await asyncio.sleep(0.2)
        return stream
