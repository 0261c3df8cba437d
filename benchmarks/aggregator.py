"""What the aggregator costs on top of its upstreams: CPU per group and added latency, beside a proxy that parses nothing.
`make bench-aggregator`.

Aggregator and floor (benchmarks/floor_proxy.py) are processes of their own, pinned to one core, one under load at a time, over stub
upstreams that answer at once; stubs and load generator have the other cores. Each round measures three things in turn: the same group
through POST /reward, through the floor, and straight to the stubs (/score and /verify at the same time). What is added is the
difference to straight. CPU is the process's own time from /proc, so that it does not depend on what else the machine does. Writes
benchmarks/results/aggregator.json.
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
SHAPES = {"8 x 5 KB": (8, 5_000), "16 x 5 KB": (16, 5_000), "8 x 56 KB": (8, 56_000), "64 x 5 KB": (64, 5_000)}
CONNECTIONS = (1, 32, 256)
HEADLINE = next(iter(SHAPES))


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


class Bench:
    """`pids`: of the aggregator and of the floor."""

    def __init__(self, session: aiohttp.ClientSession, urls: dict[str, str], pids: dict[str, int], rounds: int) -> None:
        self.session, self.urls, self.pids, self.rounds = session, urls, pids, rounds

    async def _post(self, to: str, body: bytes) -> None:
        async with self.session.post(to, data=body, headers={"Content-Type": "application/json"}) as reply:
            content = await reply.read()
            if reply.status != 200 or b'"drop"' in content:
                raise RuntimeError(f"{to}: HTTP {reply.status}: {content[:300]!r}")

    def _calls(self, n: int, chars: int) -> dict[str, Callable[[], Awaitable[Any]]]:
        reward, score, verify = bodies(n, chars)
        stub = self.urls["stub"]
        return {
            "aggregator": lambda: self._post(f"{self.urls['aggregator']}/reward", reward),
            "floor": lambda: self._post(f"{self.urls['floor']}/reward", reward),
            "straight": lambda: asyncio.gather(
                self._post(f"{stub}/score", score), self._post(f"{stub}/verify", verify)
            ),
        }

    async def row(self, shape: str, connections: int) -> dict[str, Any]:
        n, chars = SHAPES[shape]
        calls = self._calls(n, chars)
        requests = max(2 * connections, 600 // (1 + n * chars // 100_000))
        for call in calls.values():
            await load(call, max(connections, requests // 4), connections)
        found: dict[str, dict[str, list[float]]] = {
            name: {"cpu": [], "p50": [], "p99": [], "rate": []} for name in calls
        }
        for _ in range(self.rounds):
            for name, call in calls.items():
                pid, started = self.pids.get(name), time.perf_counter()
                before = cpu_seconds(pid) if pid else 0.0
                taken = await load(call, requests, connections)
                seconds = time.perf_counter() - started
                if pid:
                    found[name]["cpu"].append((cpu_seconds(pid) - before) / requests * 1e3)
                found[name]["p50"].append(statistics.median(taken) * 1e3)
                found[name]["p99"].append(percentile(taken, 99) * 1e3)
                found[name]["rate"].append(requests / seconds)
        mid = {name: {k: statistics.median(v) for k, v in of.items() if v} for name, of in found.items()}
        ours, floor, straight = mid["aggregator"], mid["floor"], mid["straight"]
        return {
            "group": shape,
            "body_kib": round(len(bodies(n, chars)[0]) / 1024, 1),
            "connections": connections,
            "requests": requests * self.rounds,
            "cpu_ms": round(ours["cpu"], 3),
            "cpu_ms_range": [round(f(found["aggregator"]["cpu"]), 3) for f in (min, max)],
            "floor_cpu_ms": round(floor["cpu"], 3),
            "ratio_to_floor": round(ours["cpu"] / floor["cpu"], 2),
            "groups_per_s": round(ours["rate"]),
            **{f"{k}_ms": round(ours[k], 3) for k in ("p50", "p99")},
            **{f"floor_{k}_ms": round(floor[k], 3) for k in ("p50", "p99")},
            **{f"straight_{k}_ms": round(straight[k], 3) for k in ("p50", "p99")},
            **{f"added_{k}_ms": round(ours[k] - straight[k], 3) for k in ("p50", "p99")},
            "rss_mib": rss_mib(self.pids["aggregator"]),
        }


def headline(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of the first shape: CPU and groups per second of one core under 32 connections, added p50 at one, added p99 at 32."""
    by = {row["connections"]: row for row in rows if row["group"] == HEADLINE}
    return {
        "cpu_ms": by[32]["cpu_ms"],
        "groups_per_s_core": round(1000 / by[32]["cpu_ms"]),
        "added_p50_ms": by[1]["added_p50_ms"],
        "added_p99_ms": by[32]["added_p99_ms"],
        "ratio_to_floor": by[32]["ratio_to_floor"],
    }


async def run(rounds: int) -> list[dict[str, Any]]:
    ports = {name: free_port() for name in ("stub", "aggregator", "floor")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    upstreams = {f"RLMR_AGGREGATOR_{name}_URL": urls["stub"] for name in ("WRITING_RM", "VERIFIER")}
    cores = sorted(os.sched_getaffinity(0))
    server, others = {cores[-1]}, set(cores[:-1]) or {cores[-1]}
    commands = {
        "stub": (["-m", "benchmarks.stub_upstreams", str(ports["stub"])], {}),
        "aggregator": (
            ["-m", "rlmr", "serve", "aggregator"],
            {"RLMR_AGGREGATOR_PORT": str(ports["aggregator"]), **upstreams},
        ),
        "floor": (["-m", "benchmarks.floor_proxy", str(ports["floor"]), urls["stub"]], {}),
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    os.sched_setaffinity(0, others)
    try:
        for name, (command, env) in commands.items():
            processes[name] = start(command, env, ports[name])
            os.sched_setaffinity(processes[name].pid, others if name == "stub" else server)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            bench = Bench(session, urls, {name: processes[name].pid for name in ("aggregator", "floor")}, rounds)
            rows = []
            for shape in SHAPES:
                for connections in CONNECTIONS:
                    rows.append(await bench.row(shape, connections))
                    print(json.dumps(rows[-1]), flush=True)
            return rows
    finally:
        for process in processes.values():
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rows = asyncio.run(run(parser.parse_args().rounds))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    summary = headline(rows)
    RESULTS.write_text(json.dumps({"machine": machine, "headline": summary, "rows": rows}, indent=1) + "\n")
    print(f"{summary}\nwrote {RESULTS}")


if __name__ == "__main__":
    main()
