"""Stop working for a caller that has left."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")

WATCH_AFTER_SECONDS = 0.02
"""Work that is done by then is done for nobody at little cost; a watch would cost it a task of its own."""


class ClientLeft(Exception):
    """The connection closed before the answer; the work was cancelled."""


async def until_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work`; if the client closes its connection first, cancels it and raises ClientLeft.

    The request body must have been read. `work` sees asyncio.CancelledError and must give back what it holds.
    """
    loop, ours = asyncio.get_running_loop(), asyncio.current_task()
    assert ours is not None
    watch: asyncio.Task[None] | None = None
    left = False

    async def watching() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        ours.cancel()  # always inside `work`: nothing else of this task is awaited while the watch runs

    def begin() -> None:
        nonlocal watch
        watch = loop.create_task(watching())

    timer = loop.call_later(WATCH_AFTER_SECONDS, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if left and ours.uncancel() == 0:
            raise ClientLeft from None
        raise  # somebody else's: the server stops
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
