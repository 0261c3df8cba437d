"""Many questions to one endpoint: so many at once, each answer kept as it comes, an end when the endpoint is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from rlmr.mistake import Mistake
from trainer.data.endpoint import POLICY, Completion, Endpoint, EndpointError
from trainer.evaluation.benchmark import Message

T = TypeVar("T")

GIVEN_UP = 3
"""Calls in a row that failed, after all their repeats, on which an endpoint is taken to be gone."""


class EndpointGone(Mistake):
    """The command ends here; what was answered is kept, and the same command goes on."""


@dataclass(frozen=True)
class Model:
    """A model behind an OpenAI-compatible endpoint, with every parameter it is sampled with."""

    url: str
    name: str
    sampling: Mapping[str, Any]
    """temperature, max_tokens, and whatever else the server takes."""
    key_env: str = "OPENAI_API_KEY"
    attempts: int = 6

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "model": self.name, "sampling": dict(self.sampling)}

    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.name, self.key_env, replace(POLICY, attempts=self.attempts))

    async def ask(self, endpoint: Endpoint, messages: list[Message]) -> Completion:
        return await endpoint.complete(messages, **self.sampling)


async def each(work: Iterable[T], do: Callable[[T], Awaitable[None]], at_once: int) -> tuple[int, str]:
    """Runs `do` on all of the work, `at_once` at a time. One that raises EndpointError is left out: (how many were, why the last was).

    Raises EndpointGone after GIVEN_UP in a row that the endpoint did not so much as refuse.
    """
    todo, failed, last, in_a_row = iter(work), 0, "", 0

    async def worker() -> None:
        nonlocal failed, last, in_a_row
        for one in todo:
            try:
                await do(one)
            except EndpointError as exc:
                failed, last = failed + 1, str(exc)
                in_a_row = in_a_row if exc.refused else in_a_row + 1
                if in_a_row >= GIVEN_UP:
                    raise EndpointGone(last) from exc
            else:
                in_a_row = 0

    workers = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return failed, last
