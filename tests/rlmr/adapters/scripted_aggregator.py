"""An aggregator whose answers are written down beforehand, over a real socket: what a group gets depends on its prompt alone."""

import asyncio
import json
import threading
from typing import Any

from aiohttp import web

N = 4


def answer(
    rewards: list[float | None],
    violated: list[bool | None],
    *,
    valid: list[bool] | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """One group of a reply, its id aside. `reason`: why it is dropped."""
    valid = valid if valid is not None else [r is not None for r in rewards]
    return {
        "decision": "train" if reason is None else "drop",
        "reason": reason,
        "rewards": rewards,
        "valid": valid,
        "writing": [0.25 * i if ok else None for i, ok in enumerate(valid)],
        "violated": violated,
        "delta": 1.5 if any(violated) and reason is None else None,
        "diagnostics": {"n": len(valid), "n_valid": sum(valid), "k": sum(v is True for v in violated)},
    }


NONE: list[Any] = [None] * N
GROUPS: dict[str, dict[str, Any]] = {
    "kept": answer([1.0, -2.0, 0.5, 0.1], [False, True, False, False]),
    "invalid samples": answer([1.5, None, 0.5, -2.0], [False, None, False, True]),
    "two invalid": answer([None, -1.0, 0.25, None], [None, True, False, None]),
    "nobody violates": answer([0.3, 0.1, -0.2, 0.9], [False] * N),
    "unavailable": answer(NONE, NONE, reason="unavailable"),
    "all violate": answer(NONE, [True] * N, valid=[True] * N, reason="all_violate"),
}
"""Prompt -> answer: every kind of group a trainer meets."""


class ScriptedAggregator:
    """`faults`: HTTP statuses or "html", used up one per request; then every request is answered. A context manager."""

    def __init__(self, *faults: int | str, groups: dict[str, dict[str, Any]] | None = None) -> None:
        self.faults, self.groups = list(faults), groups or GROUPS
        self.requests: list[dict[str, Any]] = []
        self.at_once = self.most_at_once = 0

    def __enter__(self) -> "ScriptedAggregator":
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/reward", self._reward)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await self._stopping.wait()
        await runner.cleanup()

    async def _reward(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, int):
                return web.json_response({"message": "as asked"}, status=fault)
            return web.Response(text="<html>a gateway</html>")
        groups = [{"id": group["id"], **self.groups[_text(group["prompt"])]} for group in body["groups"]]
        return web.Response(text=json.dumps({"strategy": {"name": "rlmr"}, "groups": groups}))


def _text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else str(prompt[-1]["content"])
