"""An aggregator that misbehaves on request, over a real socket: each call takes the next behaviour of a list."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class FaultyAggregator:
    """`behaviours` are used up one per call; after the last, every call is answered well."""

    def __init__(self, *behaviours: str) -> None:
        self.behaviours = list(behaviours)
        self.calls: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls.append({"body": body, "headers": dict(request.headers)})
        behaviour = self.behaviours.pop(0) if self.behaviours else "ok"
        group = body["groups"][0]
        answer = json.dumps(good_answer(group["id"], len(group["responses"])))
        match behaviour:
            case "ok":
                return web.Response(text=answer, content_type="application/json")
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "hang":
                await asyncio.sleep(30)
            case "truncated":
                return web.Response(text=answer[: len(answer) // 2], content_type="application/json")
            case "wrong_length":
                return web.Response(text=json.dumps(good_answer(group["id"], 1 + len(group["responses"]))))
            case "array":
                return web.Response(text="[]")
            case "missing_fields":
                return web.Response(
                    text=json.dumps({"groups": [{"id": "g", "rewards": [0.0] * len(group["responses"])}]})
                )
            case "unavailable" | "too_few_valid":
                lost = good_answer(group["id"], len(group["responses"]))
                told = [{"score_status": "ok", "verify_status": "timeout", "reasons": []}] * len(group["responses"])
                lost["groups"][0] |= {"decision": "drop", "reason": behaviour, "diagnostics": told_of(told)}
                return web.Response(text=json.dumps(lost), content_type="application/json")
            case "422_group":
                refused = {"message": "as asked", "errors": [{"path": "groups[0].prompt", "message": "as asked"}]}
                return web.json_response(refused, status=422)
            case status if status.isdigit():
                return web.Response(status=int(status), headers={"Retry-After": "0"}, text='{"message": "as asked"}')
        raise AssertionError(f"unknown behaviour {behaviour}")


def good_answer(group_id: str, n: int) -> dict[str, Any]:
    """Reward i for sample i; sample 0 violates."""
    group: dict[str, Any] = {
        "id": group_id,
        "decision": "train",
        "reason": None,
        "rewards": [float(i) for i in range(n)],
        "valid": [True] * n,
        "writing": [float(i) for i in range(n)],
        "violated": [i == 0 for i in range(n)],
        "delta": 0.5,
        "diagnostics": told_of([{"score_status": "ok", "verify_status": "ok", "reasons": []}] * n),
    }
    identities = {"model": {"name": "m", "revision": "r1", "engine": "torch"}, "verifier": {"revision": "v1"}}
    return {"strategy": {"name": "rlmr"}, **identities, "groups": [group]}


def told_of(samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {"n": len(samples), "n_valid": len(samples), "k": 1, "samples": samples}


@asynccontextmanager
async def serving(faulty: FaultyAggregator, port: int = 0) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/reward", faulty.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
