"""Upstreams for tests: honest ones whose answer is written in the response text, and every way an upstream can misbehave.

A response such as "w=1.5 ok" gets the writing reward 1.5 and passes; "w=-2 bad" gets -2 and violates. "w=timeout" gets the status
timeout from the writing reward model, and "v=unverifiable" that status from the verifier.
"""

import asyncio
import json
import re
import socket
import struct
import threading
from collections import deque
from typing import Any

from aiohttp import web

_WRITING = re.compile(r"w=(\S+)")
_VERDICT = re.compile(r"v=(\S+)")


def score_of(text: str) -> dict[str, Any]:
    found = _WRITING.search(text)
    value = found.group(1) if found else "0"
    try:
        return {"status": "ok", "score": float(value), "raw": float(value), "tokens": len(text)}
    except ValueError:
        return {"status": value, "score": None, "raw": None, "tokens": None, "reason": f"told to be {value}"}


def verdict_of(text: str, constraints: list[dict[str, Any]] | None) -> dict[str, Any]:
    found = _VERDICT.search(text)
    if found:
        return {"status": found.group(1), "passed": None, "constraints": [], "reason": f"told to be {found.group(1)}"}
    passed = "bad" not in text
    named = constraints or [{"type": "judge"}]
    # "half": only the first constraint is broken.
    verdicts = [passed or ("half" in text and i > 0) for i in range(len(named))]
    return {
        "status": "ok",
        "passed": passed,
        "constraints": [
            {
                "type": c["type"],
                "status": "ok",
                "passed": ok,
                "source": "judge" if c["type"] == "judge" else "rule",
                "reason": None if ok else "told to fail",
            }
            for c, ok in zip(named, verdicts, strict=True)
        ],
    }


async def _close_afterwards(request: web.Request, response: web.StreamResponse) -> None:
    response.force_close()


class FakeUpstream:
    """One HTTP server on a free port, in a thread. `faults` are used up one per POST; `always` is the behaviour after them.

    Behaviours: "ok", an HTTP status as int, ("status", 429, {"Retry-After": "1"}), "hang", "reset", "truncated", "nan", "short",
    "swapped", "drip", "not_json", "half_closed", "slow" (0.1 s), "hold" (until `release` is set).
    """

    def __init__(self, kind: str, port: int = 0) -> None:
        assert kind in ("score", "verify")
        self.kind, self.port = kind, port
        self.faults: deque[Any] = deque()
        self.always: Any = "ok"
        self.ready = True
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._started = threading.Event()
        self.release = threading.Event()
        self.revision, self.next_revisions = {"score": "r1", "verify": "v1"}[kind], deque[str]()
        """`next_revisions` are used up one per POST, then it is `revision`."""
        self.late_until = 0
        """A response with "late" in it is unavailable in so many first requests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        self.faults.clear()
        self.requests.clear()
        self.headers.clear()
        self.always, self.ready = "ok", True
        self.release.clear()
        self.next_revisions.clear()
        self.late_until = 0

    def start(self) -> "FakeUpstream":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        return self

    def stop(self) -> None:
        self.release.set()
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._started.clear()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**26)
        app.router.add_post(f"/{self.kind}", self._post)
        app.router.add_get("/readyz", self._readyz)
        # A connection of its own for every request: a fault on a kept one would be taken for a stale connection, which has a
        # repeat free, and requests could not be counted.
        app.on_response_prepare.append(_close_afterwards)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        await web.SockSite(runner, sock).start()
        self._started.set()
        await self._stopping.wait()
        await runner.cleanup()

    async def _readyz(self, request: web.Request) -> web.Response:
        body = {"ready": self.ready, "reasons": [] if self.ready else ["model still loading"]}
        return web.json_response(body, status=200 if self.ready else 503)

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        revision = self.next_revisions.popleft() if self.next_revisions else self.revision
        who: dict[str, Any] = (
            {"model": {"name": "fake", "revision": revision, "engine": "none"}}
            if self.kind == "score"
            else {"verifier": {"name": "fake", "revision": revision, "judge": None}}
        )
        if body.get("samples"):
            results = [{"id": s["id"], **self._result(s["response"], s.get("constraints"))} for s in body["samples"]]
            return {**who, "results": results}
        groups = [
            {"id": g["id"], "results": [self._result(r, g["constraints"]) for r in g["responses"]]}
            for g in body["groups"]
        ]
        return {**who, "groups": groups}

    def _result(self, response: str, constraints: list[dict[str, Any]] | None) -> dict[str, Any]:
        if "late" in response and len(self.requests) <= self.late_until:
            return {"status": "unavailable", "reason": "told to be late"}
        return score_of(response) if self.kind == "score" else verdict_of(response, constraints)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        fault = self.faults.popleft() if self.faults else self.always
        answer = self._answer(body)
        if fault == "ok":
            return web.json_response(answer)
        if isinstance(fault, int):
            return web.json_response({"code": "told", "message": "told to fail"}, status=fault)
        if isinstance(fault, tuple):
            return web.json_response({"code": "told"}, status=fault[1], headers=fault[2])
        if fault == "hang":
            await self._stopping.wait()
        if fault == "hold":
            await asyncio.to_thread(self.release.wait)
            return web.json_response(answer)
        if fault == "slow":
            await asyncio.sleep(0.1)
            return web.json_response(answer)
        if fault == "reset":
            assert request.transport is not None
            sock = request.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST
            request.transport.abort()
        if fault == "truncated":  # a complete HTTP reply whose JSON stops in the middle
            return web.Response(text=json.dumps(answer)[:-20], content_type="application/json")
        if fault == "nan":  # the first result only
            first = answer["groups"][0]["results"][0]
            first.update({"score": float("nan")} if self.kind == "score" else {"passed": None})
            return web.json_response(answer)
        if fault == "short":
            answer["groups"][0]["results"].pop()
            return web.json_response(answer)
        if fault == "swapped":  # the answer to another request
            answer["groups"][0]["id"] += "-of-another"
            return web.json_response(answer)
        if fault == "not_json":
            return web.Response(text="<html>gateway</html>", content_type="text/html")
        if fault == "half_closed":  # Content-Length promises more than is sent
            text = json.dumps(answer).encode()
            reply = web.StreamResponse(headers={"Content-Length": str(len(text))})
            await reply.prepare(request)
            await reply.write(text[: len(text) // 2])
            assert request.transport is not None
            request.transport.close()
            return reply
        if fault == "drip":
            text = json.dumps(answer).encode()
            reply = web.StreamResponse(headers={"Content-Length": str(len(text))})
            await reply.prepare(request)
            for byte in text:
                await reply.write(bytes([byte]))
                await asyncio.sleep(0.2)
            return reply
        return web.Response(status=500)
