"""What the aggregator costs on top of its upstreams: CPU per request and added latency. `make bench-aggregator`.

The aggregator runs as a process of its own, over stub upstreams in another process that answer at once. Each round measures two things
side by side: POST /reward, and the same two calls (/score, /verify) made straight to the stubs by the load generator. The difference of
their medians is what the aggregator adds. CPU is the process's own time from /proc, so that it does not depend on what else the
machine does. Writes benchmarks/results/aggregator.json.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

RESULTS = Path(__file__).parent / "results" / "aggregator.json"
SHAPES = {"8 x 1 KB": (8, 1_000), "16 x 4.7 KB": (16, 4_700), "8 x 56 KB": (8, 56_000)}
CONCURRENCY = (1, 16)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command: list[str], env: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, *command], env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command} did not start") from None
            time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Resident memory of a process (proc(5), VmRSS)."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def bodies(n: int, chars: int) -> tuple[bytes, bytes, bytes]:
    """/reward, /score and /verify for the same group."""
    sentence = "The sea was calm that evening and nobody on the pier said so, not even the gulls. "
    responses = [(f"{i} " + sentence * (chars // len(sentence) + 1))[:chars] for i in range(n)]
    constraints = [{"type": "punctuation:no_comma", "kwargs": {}}] * 3
    prompt = "Write about the sea. " * 10
    group = {"id": "g", "prompt": prompt, "constraints": constraints, "responses": responses}
    reward = orjson.dumps({"groups": [group]})
    return reward, reward, orjson.dumps({"groups": [group], "mode": "strict"})


async def load(call: Callable[[], Awaitable[None]], requests: int, concurrency: int) -> list[float]:
    """Seconds per call, `concurrency` at a time."""
    taken: list[float] = []
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            started = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return taken


def percentile(values: list[float], p: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[round(p * 10) - 1]


async def measure(session: aiohttp.ClientSession, url: str, stub: str, pid: int, rounds: int) -> list[dict[str, Any]]:
    async def post(to: str, body: bytes) -> None:
        async with session.post(to, data=body, headers={"Content-Type": "application/json"}) as reply:
            content = await reply.read()
            if reply.status != 200 or b'"drop"' in content:
                raise RuntimeError(f"{to}: HTTP {reply.status}: {content[:300]!r}")

    rows = []
    for shape, (n, chars) in SHAPES.items():
        reward, score, verify = bodies(n, chars)

        async def through(body: bytes = reward) -> None:
            await post(f"{url}/reward", body)

        async def straight(one: bytes = score, two: bytes = verify) -> None:
            await asyncio.gather(post(f"{stub}/score", one), post(f"{stub}/verify", two))

        for concurrency in CONCURRENCY:
            requests = max(40, 400 // (1 + chars // 10_000))
            await load(through, requests // 4, concurrency)
            await load(straight, requests // 4, concurrency)
            cpu, ours, theirs, p99 = [], [], [], []
            for _ in range(rounds):
                before = cpu_seconds(pid)
                taken = await load(through, requests, concurrency)
                cpu.append((cpu_seconds(pid) - before) / requests)
                ours.append(statistics.median(taken))
                p99.append(percentile(taken, 99))
                theirs.append(statistics.median(await load(straight, requests, concurrency)))
            p50, p50_straight = statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3
            row: dict[str, Any] = {
                "group": shape,
                "body_kib": round(len(reward) / 1024, 1),
                "concurrency": concurrency,
                "requests": requests * rounds,
                "cpu_ms": round(statistics.median(cpu) * 1e3, 3),
                "cpu_ms_range": [round(min(cpu) * 1e3, 3), round(max(cpu) * 1e3, 3)],
                "reward_p50_ms": round(p50, 3),
                "reward_p99_ms": round(statistics.median(p99) * 1e3, 3),
                "straight_p50_ms": round(p50_straight, 3),
                "added_p50_ms": round(p50 - p50_straight, 3),
                "rss_mib": rss_mib(pid),
            }
            rows.append(row)
            print(json.dumps(row))
    return rows


async def run(rounds: int) -> list[dict[str, Any]]:
    stub_port, port = free_port(), free_port()
    stub_url, url = f"http://127.0.0.1:{stub_port}", f"http://127.0.0.1:{port}"
    stub = start(["-m", "benchmarks.stub_upstreams", str(stub_port)], {}, stub_port)
    env = {
        "RLMR_AGGREGATOR_PORT": str(port),
        "RLMR_AGGREGATOR_WRITING_RM_URL": stub_url,
        "RLMR_AGGREGATOR_VERIFIER_URL": stub_url,
    }
    aggregator = start(["-m", "rlmr", "serve", "aggregator"], env, port)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await measure(session, url, stub_url, aggregator.pid, rounds)
    finally:
        for process in (aggregator, stub):
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rows = asyncio.run(run(parser.parse_args().rounds))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
