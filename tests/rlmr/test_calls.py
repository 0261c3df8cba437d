"""The one layer for HTTP calls, on real sockets: each transport against a server that faults on demand."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import (
    AttemptFailed,
    CallFailed,
    Endpoint,
    Endpoints,
    Policy,
    Reply,
    call,
    call_any,
    call_async,
    seconds_of,
)
from rlmr.httpx_transport import attempt, attempt_async
from tests.rlmr.faulty_server import BODY, FaultyServer

QUICK = Policy(attempts=4, deadline=5.0, backoff=0.01)
Ask = Callable[[Policy], Awaitable[Reply]]


@asynccontextmanager
async def with_aiohttp(url: str) -> AsyncIterator[Ask]:
    async with AiohttpTransport() as http:
        yield lambda policy: call_async(lambda seconds: http.post(f"{url}/x", b"{}", seconds), policy)


@asynccontextmanager
async def with_httpx(url: str) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(base_url=url) as client:
        yield lambda policy: call_async(lambda seconds: attempt_async(client, "POST", "/x", seconds, b"{}"), policy)


@asynccontextmanager
async def with_blocking_httpx(url: str) -> AsyncIterator[Ask]:
    with httpx.Client(base_url=url) as client:

        def blocking(policy: Policy) -> Reply:
            return call(lambda seconds: attempt(client, "POST", "/x", seconds, b"{}"), policy)

        yield lambda policy: asyncio.to_thread(blocking, policy)


@pytest.fixture(params=[with_aiohttp, with_httpx, with_blocking_httpx], ids=["aiohttp", "httpx", "blocking httpx"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def asking(transport: Any, *faults: object, always: object = "ok") -> AsyncIterator[tuple[FaultyServer, Ask]]:
    server = FaultyServer(always)
    server.faults.extend(faults)
    async with server.listening() as url, transport(url) as ask:
        yield server, ask


REPEATED = [408, 429, 500, 502, 503, 504, "reset_before", "reset_inside", "truncated", "not_http"]


@pytest.mark.parametrize("fault", REPEATED)
async def test_what_a_repeat_can_mend_is_repeated(transport: Any, fault: object) -> None:
    async with asking(transport, fault, fault) as (server, ask):
        assert (await ask(QUICK)).content == BODY
        assert len(server.requests) == 3


@pytest.mark.parametrize("fault", REPEATED)
async def test_what_stays_broken_fails_after_the_last_attempt(transport: Any, fault: object) -> None:
    async with asking(transport, always=fault) as (server, ask):
        with pytest.raises(CallFailed, match="4 attempts") as caught:
            await ask(QUICK)
        assert (len(server.requests), caught.value.attempts) == (4, 4)
        assert caught.value.failure.status == (fault if isinstance(fault, int) else None)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 422])
async def test_a_refusal_is_an_answer(transport: Any, status: int) -> None:
    async with asking(transport, always=(status, {"Location": "/elsewhere"})) as (server, ask):
        with pytest.raises(CallFailed, match=f"HTTP {status}: told") as caught:
            await ask(QUICK)
        assert len(server.requests) == 1
        assert caught.value.failure.reply is not None
        assert caught.value.failure.reply.content == b"told"


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_the_deadline_is_that_of_the_whole_call(transport: Any, fault: str) -> None:
    async with asking(transport, 500, always=fault) as (server, ask):
        started = time.monotonic()
        with pytest.raises(CallFailed) as caught:
            await ask(Policy(attempts=4, deadline=0.5, backoff=0.2))
        assert caught.value.failure.kind == "timeout"
        assert 0.4 < time.monotonic() - started < 0.75
        assert len(server.requests) == 2


async def test_an_attempt_that_timed_out_is_repeated_only_where_the_policy_says_so(transport: Any) -> None:
    async with asking(transport, "hang", "hang") as (server, ask):
        with pytest.raises(CallFailed):
            await ask(Policy(attempt_timeout=0.2))
        assert (await ask(Policy(attempt_timeout=0.2, backoff=0.01, repeat_timeouts=True))).content == BODY
        assert len(server.requests) == 3


async def test_a_stale_connection_is_replaced_at_no_cost(transport: Any) -> None:
    async with asking(transport) as (server, ask):
        await ask(QUICK)
        server.closes_kept = True
        # No attempt to spare and a first wait longer than the deadline: only a free repeat can succeed.
        reply = await ask(Policy(attempts=2, deadline=2.0, backoff=50.0, backoff_max=50.0))
        assert reply.content == BODY
        assert server.connections == 2


async def test_a_policy_of_one_attempt_repeats_nothing(transport: Any) -> None:
    async with asking(transport, (503, {"Retry-After": "0"})) as (server, ask):
        with pytest.raises(CallFailed, match="1 attempt\\)"):
            await ask(Policy(attempts=1, deadline=5.0))
        assert len(server.requests) == 1


async def test_retry_after_is_obeyed(transport: Any) -> None:
    async with asking(transport, (429, {"Retry-After": "1"})) as (_, ask):
        started = time.monotonic()
        await ask(QUICK)
        assert time.monotonic() - started >= 1.0


async def test_who_says_when_to_come_back_is_asked_as_often_as_the_deadline_allows(transport: Any) -> None:
    async with asking(transport, *[(503, {"Retry-After": "0"})] * 9) as (server, ask):
        assert (await ask(QUICK)).content == BODY
        assert len(server.requests) == 10


async def test_without_a_deadline_such_answers_count(transport: Any) -> None:
    async with asking(transport, always=(503, {"Retry-After": "0"})) as (server, ask):
        with pytest.raises(CallFailed):
            await ask(Policy(attempts=3, backoff=0.01))
        assert len(server.requests) == 3


async def test_a_wait_that_would_outlast_the_deadline_ends_the_call_at_once(transport: Any) -> None:
    async with asking(transport, always=(503, {"Retry-After": "3600"})) as (server, ask):
        started = time.monotonic()
        with pytest.raises(CallFailed, match="HTTP 503"):
            await ask(QUICK)
        assert time.monotonic() - started < 1.0
        assert len(server.requests) == 1


async def test_a_server_that_comes_back_is_found(transport: Any) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    async with transport(f"http://127.0.0.1:{port}") as ask:
        waiting = asyncio.ensure_future(ask(Policy(attempts=float("inf"), deadline=20.0, backoff=0.05)))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        async with FaultyServer().listening(port):
            assert (await waiting).content == BODY


@pytest.mark.parametrize("nobody", ["http://127.0.0.1:9", "http://no.such.host.invalid"])
async def test_nobody_there(transport: Any, nobody: str) -> None:
    async with transport(nobody) as ask:
        with pytest.raises(CallFailed) as caught:
            await ask(Policy(attempts=2, deadline=20.0, backoff=0.01))
        assert (caught.value.failure.kind, caught.value.attempts) == ("no_connection", 2)


@pytest.mark.parametrize("transport", [with_aiohttp, with_httpx])
async def test_cancelling_a_call_ends_the_attempt_under_way(transport: Any) -> None:
    async with asking(transport, always="hang") as (server, ask):
        asked = asyncio.ensure_future(ask(QUICK))
        await server.asked.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.sleep(0.2)
        assert (server.left, len(server.requests)) == (1, 1)


async def test_a_reply_larger_than_allowed_is_unreadable() -> None:
    async with FaultyServer().listening() as url, AiohttpTransport(max_reply_bytes=4) as http:
        with pytest.raises(AttemptFailed, match="more than 4 bytes") as caught:
            await http.get(url, 5.0)
        assert caught.value.kind == "unreadable"


async def test_callers_that_failed_together_do_not_come_back_together() -> None:
    waits: list[float] = []
    async with FaultyServer(always=500).listening() as url, AiohttpTransport() as http:
        for _ in range(8):
            with pytest.raises(CallFailed):
                await call_async(
                    lambda seconds: http.get(url, seconds),
                    Policy(attempts=2, backoff=0.02),
                    lambda failure, wait: waits.append(wait),
                )
    assert len(set(waits)) == 8
    assert all(0.01 <= wait <= 0.02 for wait in waits)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("12", 12.0), ("1.5", 1.5), (None, None), ("soon", None)])
def test_retry_after_is_seconds(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_retry_after_may_be_a_date() -> None:
    assert seconds_of(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)) == pytest.approx(
        30, abs=2
    )
    assert seconds_of(format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)) == 0.0


@asynccontextmanager
async def several(count: int) -> AsyncIterator[tuple[list[FaultyServer], Endpoints[Endpoint], AiohttpTransport]]:
    servers = [FaultyServer() for _ in range(count)]
    async with AiohttpTransport() as http:
        contexts = [server.listening() for server in servers]
        urls = [await context.__aenter__() for context in contexts]
        try:
            yield servers, Endpoints([Endpoint(url) for url in urls]), http
        finally:
            for context in contexts:
                await context.__aexit__(None, None, None)


async def test_work_goes_to_the_endpoint_with_the_least_outstanding() -> None:
    async with several(2) as (servers, endpoints, http):
        endpoints.all[0].outstanding = 5
        for _ in range(5):
            await call_any(lambda e, seconds: http.post(e.url, b"{}", seconds), QUICK, endpoints)
        assert [len(s.requests) for s in servers] == [0, 5]
        assert [e.outstanding for e in endpoints.all] == [5, 0]


async def test_a_broken_endpoint_is_left_at_once_and_rests() -> None:
    async with several(2) as (servers, endpoints, http):
        servers[0].always = "reset_before"
        endpoints.all[1].outstanding = 1  # so that the broken one is asked first
        slow = Policy(attempts=3, deadline=5.0, backoff=4.0)
        started = time.monotonic()
        for _ in range(4):
            await call_any(lambda e, seconds: http.post(e.url, b"{}", seconds), slow, endpoints)
        assert time.monotonic() - started < 1.0  # elsewhere there is no need to wait
        assert [len(s.requests) for s in servers] == [1, 4]
        assert endpoints.all[0].problem is not None


async def test_an_endpoint_returns_after_its_rest() -> None:
    async with several(1) as (_, endpoints, http):
        endpoints.all[0].eject("it was broken", 0.2)
        with pytest.raises(CallFailed, match="it was broken"):
            await call_any(lambda e, s: http.post(e.url, b"{}", s), Policy(attempts=1), endpoints)
        await call_any(lambda e, s: http.post(e.url, b"{}", s), Policy(deadline=5.0, backoff=0.1), endpoints)
        assert endpoints.all[0].problem is None


async def test_an_overloaded_endpoint_is_not_ejected() -> None:
    async with several(2) as (servers, endpoints, http):
        servers[0].faults.append(503)
        endpoints.all[1].outstanding = 1
        await call_any(lambda e, seconds: http.post(e.url, b"{}", seconds), QUICK, endpoints)
        assert [len(s.requests) for s in servers] == [1, 1]
        assert endpoints.all[0].usable


def test_a_key_keeps_its_endpoint_while_that_one_is_not_overloaded_and_whoever_else_goes() -> None:
    endpoints = Endpoints([Endpoint(f"http://{i}") for i in range(4)])
    homes = {bytes([key]): endpoints.choose(bytes([key])) for key in range(64)}
    assert len(set(map(id, homes.values()))) == 4
    gone = endpoints.all[0]
    gone.eject("gone")
    for key, home in homes.items():
        assert (endpoints.choose(key) is home) == (home is not gone)
    busy = endpoints.all[1]
    busy.outstanding = 100
    assert all(endpoints.choose(key) is not busy for key in homes)


def test_no_endpoint_at_all_is_said() -> None:
    async def ask() -> None:
        await call_any(lambda e, s: asyncio.sleep(0), Policy(attempts=1), Endpoints[Endpoint]([]))

    with pytest.raises(CallFailed, match="no endpoint is configured"):
        asyncio.run(ask())
