"""How long /livez takes while the verifier checks, and what the same checks cost in threads and in processes.

    python -m benchmarks.verifier.probes

Worst of a run each: say how busy the machine was, and quote the median of several runs.
"""

import asyncio
import json
import multiprocessing
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import httpx

from services.verifier.constraints import Subject, evaluate, prepare, registry
from tests.service_process import ServiceProcess
from tests.services.verifier.examples import example

IDS = sorted(registry)
USUAL = ["length_constraints:number_words", "punctuation:no_comma", "length:sentences", "keywords:existence"]
USUAL += ["repetition:phrase_limit", "script:language", "verse:stanzas", "wording:no_cliches"]
WORDS = re.findall(
    r"\S+", "the old miller stood at the harbor and storm took silver lantern. Then she said: it, under grey sky"
)


def text(chars: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice([*WORDS, "\n\n"]) for _ in range(chars // 4))[:chars]


LONG = text(200_000, 1)
MIXED = LONG.replace("a", "诗").replace("e", "é")
GROUPS = [[text(5_000, 100 * group + i) for i in range(8)] for group in range(60)]


def checked(texts: Sequence[str], ids: Sequence[str]) -> list[bool]:
    subjects = [Subject(t, "p") for t in texts]
    return [evaluate(prepare(id, example(id)), subject).passed for subject in subjects for id in ids]


async def in_executor(executor: Executor | None) -> Iterator[str]:
    """Times of the work, and how late the event loop was at worst."""
    loop, lines = asyncio.get_running_loop(), []

    async def work(texts: Sequence[str], ids: Sequence[str]) -> None:
        if executor is None:
            checked(texts, ids)
            await asyncio.sleep(0)
        else:
            await loop.run_in_executor(executor, checked, texts, ids)

    await asyncio.gather(*(work([text(3_000, i)], IDS) for i in range(4)))
    jobs: dict[str, list[tuple[list[str], list[str]]]] = {
        "60 groups of 8 x 5 KB": [(group, USUAL) for group in GROUPS],
        "200,000 characters, all checkers": [([LONG], IDS)],
    }
    for name, listed in jobs.items():
        late, ticking = [0.0], True

        async def tick(late: list[float] = late) -> None:
            while ticking:  # noqa: B023
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                late.append(time.perf_counter() - began - 0.005)

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await asyncio.gather(*(work(*job) for job in listed))
        seconds = time.perf_counter() - began
        ticking = False
        await ticker
        lines.append(f"  {name:34} {seconds:6.2f} s   loop late by {1e3 * max(late):6.1f} ms")
    return iter(lines)


def body(texts: Sequence[str], ids: Sequence[str]) -> bytes:
    constraints = [{"type": id, "kwargs": example(id)} for id in ids]
    samples = [{"id": str(i), "prompt": "p", "response": t, "constraints": constraints} for i, t in enumerate(texts)]
    return json.dumps({"samples": samples}).encode()


def post(url: str, bodies: Sequence[bytes]) -> None:
    """Four callers share the bodies."""
    left = list(bodies)

    def caller() -> None:
        with httpx.Client(timeout=600, headers={"Content-Type": "application/json"}) as client:
            while left:
                client.post(f"{url}/verify", content=left.pop()).raise_for_status()

    threads = [threading.Thread(target=caller) for _ in range(min(4, len(left)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def probed(url: str, work: Callable[[], None]) -> tuple[float, list[float]]:
    """Seconds of the work, and of each /livez during it."""
    latencies, working = list[float](), True

    def probe() -> None:
        with httpx.Client() as client:
            while working:
                began = time.perf_counter()
                client.get(f"{url}/livez")
                latencies.append(time.perf_counter() - began)
                time.sleep(0.01)

    thread = threading.Thread(target=probe)
    thread.start()
    time.sleep(0.3)
    latencies.clear()
    began = time.perf_counter()
    work()
    seconds, working = time.perf_counter() - began, False
    thread.join()
    return seconds, sorted(latencies)


def main() -> None:
    pools: dict[str, Callable[[], Any]] = {
        "in the event loop": lambda: None,
        "2 threads": lambda: ThreadPoolExecutor(2),
        "2 processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")),
    }
    for name, make in pools.items():
        print(name)
        print(*asyncio.run(in_executor(make())), sep="\n")
    env = {"RLMR_VERIFIER_CACHE_BYTES": "0", "RLMR_VERIFIER_MAX_CONSTRAINTS": str(len(IDS))}
    with ServiceProcess("verifier", env) as service:
        post(service.url, [body([text(3_000, 5)], IDS)] * 3)
        for name, bodies in {
            "60 groups of 8 x 5 KB": [body(group, USUAL) for group in GROUPS],
            "200,000 characters, all checkers": [body([LONG], IDS)],
            "the same of mixed scripts": [body([MIXED], IDS)],
            "a body of 15 MiB": [body(["word " * 3_900] * 800, USUAL)],
        }.items():
            seconds, took = probed(service.url, lambda bodies=bodies: post(service.url, bodies))  # type: ignore[misc]
            middle = took[len(took) // 2]
            print(f"{name:36} {seconds:5.2f} s   /livez {1e3 * middle:5.1f} ms, worst {1e3 * took[-1]:6.1f} ms")


if __name__ == "__main__":
    main()
