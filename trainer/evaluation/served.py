"""Samples responses of a policy that is served already, by an OpenAI-compatible endpoint."""

import asyncio
from collections.abc import Callable, Sequence

from services.aggregator.together import all_of
from trainer.data.endpoint import Completion, Endpoint
from trainer.evaluation.sample import Sampled

AT_ONCE = 16


def sample_served(
    url: str,
    model: str,
    prompts: Sequence[list[dict[str, str]]],
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Sampled]:
    """As sample.sample, from `model` at `url`; the key is in OPENAI_API_KEY. No seed is sent: engines differ in what they make of one.

    Raises EndpointError once repeating has not helped."""
    return asyncio.run(_all(url, model, prompts, samples, temperature, max_new_tokens, on_progress))


async def _all(
    url: str,
    model: str,
    prompts: Sequence[list[dict[str, str]]],
    samples: int,
    temperature: float,
    max_new_tokens: int,
    on_progress: Callable[[int], None],
) -> list[Sampled]:
    slots, done = asyncio.Semaphore(AT_ONCE), 0

    async with Endpoint(url, model) as endpoint:

        async def one(messages: list[dict[str, str]]) -> Completion:
            async with slots:
                return await endpoint.complete(messages, max_tokens=max_new_tokens, temperature=temperature)

        async def group(messages: list[dict[str, str]]) -> Sampled:
            nonlocal done
            drawn = await asyncio.gather(*(one(messages) for _ in range(samples)))
            done += 1
            on_progress(done)
            return Sampled([d.text for d in drawn], [d.written for d in drawn], [d.finished for d in drawn])

        return await all_of([group(messages) for messages in prompts])
