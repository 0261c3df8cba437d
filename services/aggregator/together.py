"""Side by side: the first to fail, or the end of the call, ends the others (asyncio.gather alone lets them go on)."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def all_of(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Results in order."""
    if len(work) == 1:
        return [await work[0]]
    return await _gathered([asyncio.ensure_future(part) for part in work])


async def both(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U]) -> tuple[T, U]:
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    await _gathered([first, second])
    return first.result(), second.result()


async def _gathered(tasks: Sequence[asyncio.Future[Any]]) -> list[Any]:
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
