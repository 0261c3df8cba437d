"""A reward model whose scale is wrong on purpose: a proxy between the aggregator and the writing reward model of a local run.

For studies: a strategy's strength is a number in the reward model's unit, and real reward models' units differ, from model to model
and from prompt to prompt. Evaluation goes through undistorted (`active` is off), so that results compare.
"""

import asyncio
import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import NormalDist
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed

QUALITY_MEAN, QUALITY_STD = 0.68, 0.165
"""True quality of the story world's untrained policy (400 answers of seed 0): what 0 and 1 standard deviation are on its scale."""


class Distortion(BaseModel):
    """score' = factor * exp(spread_over_prompts * z(prompt)) * exp(drift * g / 1000) * (score + per_word * words), with z standard normal
    and fixed for each prompt, g the groups scored so far."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    factor: float = Field(default=1.0, gt=0, description="On every score.")
    spread_over_prompts: float = Field(
        default=0.0, ge=0, description="Standard deviation of the logarithm of each prompt's own factor."
    )
    per_word: float | None = Field(
        default=None,
        description="Added for each word of the response: a reward model that likes long text, its violators of word limits most.",
    )
    drift: float | None = Field(
        default=None, description="What the logarithm of every factor grows by while 1,000 groups are scored."
    )
    true_quality: bool = Field(
        default=False,
        description="The world's true quality in place of the score, in its own standard deviations from its own mean.",
    )

    def factor_of(self, prompt: Any) -> float:
        if not self.spread_over_prompts:
            return self.factor
        digest = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).digest()
        uniform = (int.from_bytes(digest[:8], "big") + 0.5) / 2**64
        return self.factor * math.exp(self.spread_over_prompts * NormalDist().inv_cdf(uniform))


class DistortingProxy:
    def __init__(self, distortion: Distortion, upstream: str, quality: Callable[[str], float] | None = None) -> None:
        """`upstream`: base URL of the writing reward model. `quality`: the world's, for `true_quality`."""
        if distortion.true_quality and quality is None:
            raise ValueError("distortion.true_quality needs a world whose quality can be computed")
        self.distortion, self.upstream, self.quality = distortion, upstream, quality
        self.active = True
        self.groups = 0
        """Scored while active."""

    async def _score(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            reply = await self._http.post(f"{self.upstream}/score", body, 170.0)
        except AttemptFailed as failure:
            if failure.reply is None:
                return web.json_response({"code": "unavailable", "message": str(failure)}, status=503)
            return web.Response(
                body=failure.reply.content, status=failure.reply.status, content_type="application/json"
            )
        answer = json.loads(reply.content)
        if self.active:
            self.groups += len(answer.get("groups") or ())
            for prompt, response, result in _scored(json.loads(body), answer):
                if result["score"] is not None:
                    result["score"] = self._distorted(prompt, response, result["score"])
            answer["model"]["revision"] += "-distorted"
        return web.json_response(answer)

    def _distorted(self, prompt: Any, response: str, score: float) -> float:
        if self.distortion.true_quality and self.quality is not None:
            score = (self.quality(response) - QUALITY_MEAN) / QUALITY_STD
        grown = math.exp((self.distortion.drift or 0.0) * self.groups / 1000)
        longer = (self.distortion.per_word or 0.0) * len(response.split())
        return self.distortion.factor_of(prompt) * grown * (score + longer)

    async def _pass_on(self, request: web.Request) -> web.Response:
        try:
            reply = await self._http.get(f"{self.upstream}{request.path}", 10.0)
        except AttemptFailed as failure:
            return web.Response(status=503, text=str(failure))
        return web.Response(body=reply.content, content_type="application/json")

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its base URL, on a free port of this machine."""
        loop, started = asyncio.new_event_loop(), threading.Event()
        address: list[str] = []

        async def serve() -> None:
            self._http, stopping = AiohttpTransport(), asyncio.Event()
            self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
            app = web.Application(client_max_size=2**26)
            app.router.add_post("/score", self._score)
            app.router.add_get("/readyz", self._pass_on)
            runner = web.AppRunner(app, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
            started.set()
            await stopping.wait()
            await runner.cleanup()
            await self._http.close()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="distortion", daemon=True)
        thread.start()
        started.wait()
        try:
            yield address[0]
        finally:
            self._stop()
            thread.join()
            loop.close()


def _scored(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Prompt, response and result of each text, of a body with samples or one with groups."""
    for sample, result in zip(asked.get("samples") or (), answer.get("results") or (), strict=True):
        yield sample["prompt"], sample["response"], result
    for group, results in zip(asked.get("groups") or (), answer.get("groups") or (), strict=True):
        for response, result in zip(group["responses"], results["results"], strict=True):
            yield group["prompt"], response, result
