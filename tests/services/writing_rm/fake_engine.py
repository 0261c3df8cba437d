"""An engine server over real HTTP that speaks sglang's or vLLM's protocol and can be made to fail in every known way.

Its scores are the real model's (the packed forward), so golden parity through it means something.
"""

import asyncio
import json
import math
import socket
import struct
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from services.writing_rm.engines.base import Text
from services.writing_rm.engines.torch_engine import TorchModel

BAD_TOKEN = 3
"""A text holding this id makes the whole call a 400, as one bad item of a batch does in sglang."""
NAN_TOKEN = 95
"""A text holding this id gets NaN for a score."""
DEADLY_TOKEN = 4
"""A call with a text holding this id is reset, as by a server that dies of it."""


class FakeEngine:
    def __init__(self, model: TorchModel, kind: str = "sglang") -> None:
        self.model, self.kind = model, kind
        self.mode = "right"
        self.info: dict[str, Any] = {
            "version": "0.5.23",
            "dtype": "float32",
            "device": "cpu",
            "is_embedding": True,
            "served_model_name": "m",
            "max_req_input_len": 512,
            "max_total_num_tokens": 4096,
        }
        self.calls: list[list[list[int]]] = []
        self.asked = 0
        """Calls of any outcome."""
        self.faults: deque[str | None] = deque()
        """Used up one per call, before `mode`: "reset" (the connection is reset inside the answer) or None."""
        self.closes_kept = False
        """A second call on a connection finds it closed, as after an idle time."""
        self._seen: set[int] = set()
        self.keep_alive = 75.0
        """Seconds after which an idle connection is closed."""
        self.api_key: str | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0

    @classmethod
    def on(cls, directory: Path, kind: str = "sglang") -> "FakeEngine":
        return cls(TorchModel.load(directory, dtype="float32", device="cpu", max_batch_tokens=4096), kind)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "FakeEngine":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens, on the same port as before if it had one."""
        app = web.Application()
        app.router.add_post("/classify", self._classify)
        for path in ("/ready", "/health"):
            app.router.add_get(path, self._alive)
        app.router.add_get("/server_info", self._server_info)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/version", self._version)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, keepalive_timeout=self.keep_alive)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(status=500 if self.mode == "500" else 200)

    async def _server_info(self, request: web.Request) -> web.Response:
        return web.json_response(self.info)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m", "max_model_len": self.info["max_req_input_len"]}]})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.29.0"})

    async def _classify(self, request: web.Request) -> web.Response:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.Response(status=401, text="wrong key")
        body = await request.json()
        ids: list[list[int]] = body["input_ids"] if self.kind == "sglang" else body["input"]
        self.asked += 1
        if self.closes_kept:
            if id(request.protocol) in self._seen:
                _reset(request)
            self._seen.add(id(request.protocol))
        fault = self.faults.popleft() if self.faults else None
        if fault == "reset" or any(DEADLY_TOKEN in text for text in ids):
            begun = web.StreamResponse()
            await begun.prepare(request)
            await begun.write(b"[")
            await asyncio.sleep(
                0.02
            )  # so that it has arrived: a reset before any answer would pass for an idle connection
            _reset(request)
        if self.mode == "hang":
            await asyncio.sleep(3600)
        if self.mode == "500":
            return web.Response(status=500, text="out of memory")
        if self.mode == "busy":
            return web.Response(status=503)
        if self.mode == "nonsense":
            return web.Response(text="<html>")
        if self.mode == "refuse" or any(not text or BAD_TOKEN in text for text in ids):
            return web.json_response({"error": {"message": "bad item"}}, status=400)
        self.calls.append(ids)
        raws = [
            math.nan if NAN_TOKEN in text else self._spoilt(raw) for text, raw in zip(ids, self._raws(ids), strict=True)
        ]
        activated = self.kind == "vllm" and body.get("use_activation", True)
        values = [[1 / (1 + math.exp(-raw))] if activated else [raw] for raw in raws]
        if self.mode == "embedding":
            values = [[0.1] * 64 for _ in raws]
        if self.kind == "sglang":
            reply: Any = [{"embedding": value, "meta_info": {"finish_reason": None}} for value in values]
        else:
            reply = {"data": [{"index": i, "probs": value} for i, value in reversed(list(enumerate(values)))]}
        return web.Response(text=json.dumps(reply), content_type="application/json")

    def _raws(self, ids: Sequence[Sequence[int]]) -> list[float]:
        return self.model.score([Text(tuple(text), number) for number, text in enumerate(ids)])

    def _spoilt(self, raw: float) -> float:
        """The faults that only known scores can tell: a bias at the head, a softmax over one label, a sigmoid."""
        match self.mode:
            case "bias":
                return raw + 0.05
            case "softmax":
                return 1.0
            case "sigmoid":
                return 1 / (1 + math.exp(-raw))
            case "nan":
                return math.nan
        return raw


def _reset(request: web.Request) -> None:
    assert request.transport is not None
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST
    request.transport.abort()
    raise ConnectionResetError


async def _serve_for_ever(directory: Path, port: int) -> None:
    engine = FakeEngine.on(directory)
    engine.port = port
    await engine.start()
    print(engine.url, flush=True)
    await asyncio.Event().wait()


if (
    __name__ == "__main__"
):  # an engine that can be killed: python -m tests.services.writing_rm.fake_engine MODEL_DIR PORT
    asyncio.run(_serve_for_ever(Path(sys.argv[1]), int(sys.argv[2])))
