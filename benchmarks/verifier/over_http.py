"""Checks per second through POST /verify: one service process, requests of sixteen responses with their own constraints."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp

from rlmr.mistake import read_json_lines
from tests.service_process import ServiceProcess


def measure(data: Path, connections: int = 4, rounds: int = 3) -> dict[str, Any]:
    prompts = {str(row["key"]): row for _, row in read_json_lines(data / "input_data.jsonl")}
    samples = []
    for _, row in read_json_lines(data / "gpt4_verdicts.jsonl"):
        prompt = prompts[str(row["key"])]
        pairs = zip(prompt["instruction_id_list"], prompt["kwargs"], strict=True)
        constraints = [{"type": id, "kwargs": {k: v for k, v in kw.items() if v is not None}} for id, kw in pairs]
        sample = {"id": str(row["key"]), "prompt": prompt["prompt"], "response": row["response"]}
        samples.append({**sample, "constraints": constraints})
    bodies = [{"samples": samples[i : i + 16], "mode": "loose"} for i in range(0, len(samples), 16)]
    checks = sum(len(s["constraints"]) for s in samples)
    # Without the cache: every round asks the same, and the work is what is to be measured.
    with ServiceProcess("verifier", {"RLMR_VERIFIER_CACHE_BYTES": "0"}) as service:
        asyncio.run(_send(service.url, bodies, connections))
        rates = [checks / asyncio.run(_send(service.url, bodies, connections)) for _ in range(rounds)]
    return {
        "checks_per_second": statistics.median(rates),
        "samples_per_request": 16,
        "connections": connections,
        "mode": "loose",
    }


async def _send(url: str, bodies: list[dict[str, Any]], connections: int) -> float:
    """Wall seconds for all bodies."""
    queue = iter(bodies)

    async def work(session: aiohttp.ClientSession) -> None:
        for body in queue:
            async with session.post(f"{url}/verify", json=body) as reply:
                assert reply.status == 200, await reply.text()
                await reply.read()

    async with aiohttp.ClientSession() as session:
        started = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(connections)))
        return time.perf_counter() - started
