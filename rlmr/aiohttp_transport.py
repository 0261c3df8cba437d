"""One HTTP attempt with aiohttp, for callers with many at once: a sixteenth of httpx's CPU (benchmarks/http_clients.py)."""

import math
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp

from rlmr.calls import AttemptFailed, Reply, checked, deadline_header


class AiohttpTransport:
    """A pool of connections, opened with the first attempt. Close it, or use it as an async context manager."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        connections: int = 0,
        keep_alive: float = 60.0,
        connect_timeout: float = 5.0,
        max_reply_bytes: float = math.inf,
    ) -> None:
        """connections: most at once, 0 = any number. keep_alive: seconds an idle one is kept; less than the other side keeps it.
        connect_timeout: seconds for one. max_reply_bytes: a larger reply is `unreadable`."""
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._connections, self._keep_alive = connections, keep_alive
        self._connect_timeout, self._max_reply_bytes = connect_timeout, max_reply_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=self._keep_alive, ttl_dns_cache=10
                ),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
        return self._session

    async def post(self, url: str, body: bytes, seconds: float, headers: dict[str, str] | None = None) -> Reply:
        """`body`: JSON. The reply if it is HTTP 200. Raises AttemptFailed. The other side is told how long it has."""
        sent = {"Content-Type": "application/json", **deadline_header(seconds), **(headers or {})}
        return await self._attempt("POST", url, body, seconds, sent)

    async def get(self, url: str, seconds: float) -> Reply:
        """As `post`."""
        return await self._attempt("GET", url, None, seconds, {})

    async def _attempt(
        self, method: str, url: str, body: bytes | None, seconds: float, headers: dict[str, str]
    ) -> Reply:
        limit = aiohttp.ClientTimeout(
            total=None if math.isinf(seconds) else seconds, sock_connect=self._connect_timeout
        )
        connection, answered = {"reused": False}, False
        try:
            async with self._open().request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=limit,
                allow_redirects=False,  # a redirect would carry the key elsewhere
                trace_request_ctx=connection,
            ) as response:
                answered = True
                content = await self._read(response)
        except aiohttp.ConnectionTimeoutError as exc:
            raise AttemptFailed("no_connection", f"no connection within {self._connect_timeout:g} s") from exc
        except TimeoutError as exc:
            raise AttemptFailed("timeout", f"no answer within {seconds:.3g} s") from exc
        except aiohttp.ClientConnectorError as exc:
            raise AttemptFailed("no_connection", f"{type(exc).__name__}: {exc}") from exc
        except (aiohttp.ClientError, OSError) as exc:
            stale = connection["reused"] and not answered
            raise AttemptFailed("stale" if stale else "lost", f"{type(exc).__name__}: {exc}") from exc
        return checked(Reply(response.status, response.headers, content))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if math.isinf(self._max_reply_bytes):
            return await response.read()
        content = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            content += chunk
            if len(content) > self._max_reply_bytes:
                raise AttemptFailed("unreadable", f"a reply of more than {self._max_reply_bytes} bytes")
        return bytes(content)


async def _note_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx["reused"] = True
