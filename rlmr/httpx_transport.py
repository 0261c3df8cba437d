"""One HTTP attempt with httpx, blocking or not: for the public client, which has to work in a base install."""

import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from rlmr.calls import AttemptFailed, Reply, checked, deadline_header

CONNECT_SECONDS = 5.0


def attempt(client: httpx.Client, method: str, path: str, seconds: float, body: bytes | None = None) -> Reply:
    """The reply if it is HTTP 200. Raises AttemptFailed, in time however slowly a reply drips in. `body`: JSON."""
    watch = _Watch(seconds)
    with watch.failures(), client.stream(method, path, **watch.options(body, watch.trace)) as response:
        content = b"".join(watch.in_time(response.iter_bytes()))
    return checked(Reply(response.status_code, response.headers, content))


async def attempt_async(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    seconds: float,
    body: bytes | None = None,
    *,
    largest: float = math.inf,
) -> Reply:
    """As `attempt`. `largest`: bytes of a reply; a longer one is not read to its end and is unreadable."""
    watch = _Watch(seconds)
    with watch.failures():
        async with client.stream(method, path, **watch.options(body, watch.trace_async)) as response:
            content = bytearray()
            async for chunk in watch.in_time_async(response.aiter_bytes()):
                content += chunk
                if len(content) > largest:
                    raise AttemptFailed("unreadable", f"the reply is larger than {largest:g} bytes")
    return checked(Reply(response.status_code, response.headers, bytes(content)))


class _Watch:
    """What happens to one exchange: whether its connection is new, whether the reply began, and how much time is left."""

    def __init__(self, seconds: float) -> None:
        self.limit, self.end = seconds, time.monotonic() + seconds
        self.connected = self.answered = False

    def options(self, body: bytes | None, trace: Any) -> dict[str, Any]:
        limit = None if math.isinf(self.limit) else self.limit
        return {
            "content": body,
            "headers": {"Content-Type": "application/json", **deadline_header(self.limit)} if body is not None else {},
            "timeout": httpx.Timeout(limit, connect=min(self.limit, CONNECT_SECONDS)),
            "extensions": {"trace": trace},
        }

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's account of the exchange."""
        self.connected |= event == "connection.connect_tcp.started"
        self.answered |= event.endswith("receive_response_headers.complete")

    async def trace_async(self, event: str, info: Mapping[str, Any]) -> None:
        self.trace(event, info)

    def in_time(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._check_time()
            yield chunk

    async def in_time_async(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._check_time()
            yield chunk

    def _check_time(self) -> None:
        # httpx's time-outs are for one read each: a reply that drips would outlast any.
        if time.monotonic() > self.end:
            raise AttemptFailed("timeout", f"no whole reply within {self.limit:g} s")

    @contextmanager
    def failures(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectTimeout as exc:
            raise AttemptFailed("no_connection", _reason(exc)) from exc
        except httpx.TimeoutException as exc:
            raise AttemptFailed("timeout", _reason(exc)) from exc
        except httpx.ConnectError as exc:
            raise AttemptFailed("no_connection", _reason(exc)) from exc
        except httpx.TransportError as exc:
            reused = not self.connected and not self.answered
            raise AttemptFailed("stale" if reused else "lost", _reason(exc)) from exc


def _reason(exc: httpx.TransportError) -> str:
    return f"{type(exc).__name__}: {exc}"
