"""An engine server over real HTTP that speaks sglang's or vLLM's protocol and can be made to fail in every known way.

Its scores are the real model's (the packed forward), so golden parity through it means something.
"""

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from services.writing_rm.engines.base import Text
from services.writing_rm.engines.torch_engine import TorchModel

BAD_TOKEN = 3
"""A text holding this id makes the whole call a 400, as one bad item of a batch does in sglang."""


class FakeEngine:
    def __init__(self, model: TorchModel, kind: str = "sglang") -> None:
        self.model, self.kind = model, kind
        self.mode = "right"
        self.info: dict[str, Any] = {
            "version": "0.5.23",
            "dtype": "float32",
            "device": "cpu",
            "is_embedding": True,
            "max_req_input_len": 512,
            "max_total_num_tokens": 4096,
        }
        self.calls: list[list[list[int]]] = []
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
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
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
        if self.mode == "hang":
            await asyncio.sleep(3600)
        if self.mode == "500":
            return web.Response(status=500, text="out of memory")
        if self.mode == "busy":
            return web.Response(status=503)
        if self.mode == "nonsense":
            return web.Response(text="<html>")
        if any(not text or BAD_TOKEN in text for text in ids):
            return web.json_response({"error": {"message": "bad item"}}, status=400)
        self.calls.append(ids)
        raws = [self._spoilt(raw) for raw in self._raws(ids)]
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
