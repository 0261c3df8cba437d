"""A TCP link that can be broken: stands between the aggregator and one of its upstreams and hands bytes through."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FAULTS = ("reset_before", "reset_inside", "truncated", "slow", "refused_503")
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Link:
    """`rate`: share of the reads from the upstream (or of connections, for a 503) that meet a fault, 0 to 1. `slow`: 2 s."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._port, self._rng = port, rng
        self.rate = 0.0
        self.done: Counter[str] = Counter()
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self.url
        finally:  # whoever used the link has ended, so its connections end too
            server.close()
            if self._connections:
                await asyncio.wait(self._connections, timeout=5)

    def _fault(self) -> str | None:
        if self._rng.random() >= self.rate:
            return None
        fault = self._rng.choice(FAULTS)
        self.done[fault] += 1
        return fault

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:  # the upstream is down, and so this link looks as if it were
            _reset(writer)
            return
        onwards = asyncio.ensure_future(_pipe(reader, up_writer))
        try:
            while data := await up_reader.read(65536):
                fault = self._fault()
                if fault == "slow":
                    await asyncio.sleep(2)
                elif fault == "reset_before":
                    _reset(writer)
                    return
                elif fault is not None:
                    writer.write(UNAVAILABLE if fault == "refused_503" else data[: len(data) // 2])
                    await writer.drain()
                    if fault == "reset_inside":
                        await asyncio.sleep(0.02)
                        _reset(writer)
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            _reset(writer)
        finally:
            onwards.cancel()
            await asyncio.gather(onwards, return_exceptions=True)
            for end in (writer, up_writer):
                end.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock.fileno() < 0:
        return  # the other side was faster
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing sends RST
    writer.transport.abort()
