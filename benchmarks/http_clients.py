"""Why the aggregator's fan-out uses aiohttp: client CPU per POST, side by side with httpx. `make bench-http-clients`.

Both post the same 5.6 KB body to a stub in another process, as many at a time as given. What is reported is the load generator's own CPU time
per request (time.process_time), medians of interleaved rounds. Writes benchmarks/results/http_clients.json.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from benchmarks.aggregator import bodies, free_port, load, start

RESULTS = Path(__file__).parent / "results" / "http_clients.json"
CONCURRENCY = (1, 16, 128)
REQUESTS, ROUNDS = 600, 5


async def cpu_ms(call: Callable[[], Awaitable[None]], concurrency: int) -> float:
    before = time.process_time()
    await load(call, REQUESTS, concurrency)
    return (time.process_time() - before) / REQUESTS * 1e3


async def measure(url: str) -> list[dict[str, Any]]:
    body, headers = bodies(5, 1000)[1], {"Content-Type": "application/json"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    rows = []
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        httpx.AsyncClient(limits=limits, timeout=60) as client,
    ):

        async def with_aiohttp() -> None:
            async with session.post(url, data=body, headers=headers) as reply:
                await reply.read()

        async def with_httpx() -> None:
            (await client.post(url, content=body, headers=headers)).raise_for_status()

        for concurrency in CONCURRENCY:
            ours, theirs = [], []
            for _ in range(ROUNDS + 1):
                ours.append(await cpu_ms(with_aiohttp, concurrency))
                theirs.append(await cpu_ms(with_httpx, concurrency))
            a, h = statistics.median(ours[1:]), statistics.median(theirs[1:])  # the first round opens the connections
            row = {"at_once": concurrency, "aiohttp_ms": round(a, 3), "httpx_ms": round(h, 3), "ratio": round(h / a, 1)}
            rows.append(row)
            print(json.dumps(row))
    return rows


def main() -> None:
    port = free_port()
    stub = start(["-m", "benchmarks.stub_upstreams", str(port)], {}, port)
    try:
        rows = asyncio.run(measure(f"http://127.0.0.1:{port}/score"))
    finally:
        stub.terminate()
        stub.wait()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
