"""An HTTP server on a real socket that faults on demand, down to the byte: for what no well-behaved server library will do."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BODY = b'{"ok": true}'


class FaultyServer:
    """`faults` are used up one per request; `always` is the behaviour after them.

    "ok", an HTTP status, (status, {header: value}), "reset_before" (the connection is reset before a byte of the reply),
    "reset_inside" (after half of the body), "truncated" (closed in order after half of the body), "hang", "drip" (a byte of the
    body every 0.1 s), "not_http". `closes_kept`: a second request on a connection finds it closed, as after an idle time.
    """

    def __init__(self, always: object = "ok") -> None:
        self.faults: deque[object] = deque()
        self.always = always
        self.closes_kept = False
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        """Set by the first request."""
        self.connections = self.left = 0
        """`left`: connections that the other side closed while a request was being answered."""

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            first = True
            while (request := await self._request(reader)) is not None:
                if self.closes_kept and not first:
                    return
                first = False
                self.requests.append(request)
                self.asked.set()
                if not await self._answer(reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bytes | None:
        head = b""
        while line := await reader.readline():
            head += line
            if line == b"\r\n":
                break
        if not head:
            return None
        length = next(
            (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0
        )
        return await reader.readexactly(length)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is kept."""
        fault = self.faults.popleft() if self.faults else self.always
        if isinstance(fault, int):
            fault = (fault, {})
        if isinstance(fault, tuple):
            status, headers = fault
            extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status} Told\r\nContent-Length: 4\r\n{extra}\r\ntold".encode())
            await writer.drain()
            return True
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        match fault:
            case "ok":
                writer.write(head + BODY)
                await writer.drain()
                return True
            case "reset_before":
                _reset(writer)
            case "reset_inside":
                writer.write(head + BODY[:5])
                await writer.drain()
                await asyncio.sleep(0.05)
                _reset(writer)
            case "truncated":
                writer.write(head + BODY[:5])
                await writer.drain()
            case "drip":
                writer.write(head)
                for byte in BODY:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.1)
            case "hang":
                if await reader.read(1) == b"":
                    self.left += 1
            case "not_http":
                writer.write(b"SSH-2.0-nonsense\r\n\r\n")
                await writer.drain()
            case _:
                raise AssertionError(f"unknown fault {fault!r}")
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST
    writer.transport.abort()
