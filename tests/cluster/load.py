"""Bounded, real load on the aggregator's Service: every answer is checked, every failure is kept."""

from __future__ import annotations

import asyncio
import itertools
import threading
from types import TracebackType
from typing import Any

import httpx

WORDS = ("tide", "gull", "harbour", "net", "salt", "rope", "wind", "lamp", "shore", "boat")


def group(number: int, responses: int = 4) -> dict[str, Any]:
    """A group whose texts nobody has seen before (no cache answers them); its last response violates the constraint."""
    story = " ".join(WORDS[(number * 7 + k * (number % 5 + 1)) % len(WORDS)] for k in range(24))
    texts = [f"{story} number {number} told the {k}th time." for k in range(responses - 1)]
    return {
        "id": f"g{number}",
        "prompt": f"Tell story {number} of the sea without a comma.",
        "constraints": [{"type": "punctuation:no_comma"}],
        "responses": [*texts, f"One, two, three: {story} {number}."],
    }


def fault(body: dict[str, Any]) -> str | None:
    """What is wrong with a reply to one group; None if it is right and complete."""
    (result,) = body["groups"]
    if not all(result["valid"]):
        return f"a sample without an answer: {result['diagnostics']['samples']}"
    if result["violated"] != [False] * (len(result["violated"]) - 1) + [True]:
        return f"wrong verdicts: {result['violated']}"
    mean = sum(result["rewards"]) / len(result["rewards"])
    if result["rewards"][-1] >= mean:
        return f"the violator is not below the mean: {result['rewards']}"
    return None


class Load:
    """`workers` callers, each sending the next request when it has its answer, until the block is left. No retries."""

    def __init__(self, url: str, key: str, workers: int = 4, responses: int = 4, start: int = 0) -> None:
        self.url, self.workers, self.responses = url, workers, responses
        self.headers = {"Authorization": f"Bearer {key}"}
        self.requests = 0
        self.failures: list[str] = []
        self.revisions: set[str] = set()
        """Of the reward model, as the replies name it; "a,b" in one whose groups met two."""
        self._numbers = itertools.count(start)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=200)

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=self.workers, max_keepalive_connections=self.workers)
        async with httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=180, limits=limits) as client:
            await asyncio.gather(*(self._caller(client) for _ in range(self.workers)))

    async def _caller(self, client: httpx.AsyncClient) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                reply = await client.post("/reward", json={"groups": [group(number, self.responses)]})
            except httpx.HTTPError as error:
                problem: str | None = f"{type(error).__name__}: {error}"
            else:
                if reply.status_code == 200:
                    problem = fault(body := reply.json())
                    self.revisions.add((body["model"] or {}).get("revision", ""))
                else:
                    problem = f"HTTP {reply.status_code}: {reply.text}"
            self.requests += 1
            if problem is not None:
                self.failures.append(f"request {number}: {problem}")
                await asyncio.sleep(0.2)
