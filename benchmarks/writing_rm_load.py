"""What the callers of `make bench-writing-rm` send, and what they see: closed loops over real sockets."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

from benchmarks.writing_rm_systems import Server

GROUP = 8


@dataclass(frozen=True)
class Ask:
    """One request: eight samples, as serve_rm's texts and as ours."""

    samples: list[dict[str, str]]
    queries: list[str]
    lengths: list[int]


@dataclass
class Measured:
    system: str
    workload: str
    callers: int
    seconds: float
    samples: int
    tokens: int
    latencies: list[float] = field(repr=False, default_factory=list)
    cpu_seconds: float = 0.0
    window: tuple[float, float] = (0.0, 0.0)
    livez_p99_ms: float | None = None
    padding_share: float | None = None

    def row(self) -> dict[str, Any]:
        body = {k: v for k, v in asdict(self).items() if k not in ("latencies", "window")}
        return body | {
            "samples_per_s": self.samples / self.seconds,
            "tokens_per_s": self.tokens / self.seconds,
            "p50_s": statistics.median(self.latencies) if self.latencies else None,
            "p99_s": quantile(self.latencies, 0.99) if self.latencies else None,
        }


def quantile(values: Sequence[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def long_tailed(rng: random.Random, median: float) -> int:
    """A length in tokens: log-normal with sigma 1, 10 to 1,016; prompt, response and template make 32 to 2,048 then."""
    return int(min(1016, max(10, rng.lognormvariate(0, 1) * median)))


def make_asks(encoder: Any, count: int, *, shared: bool, seed: int, median: float) -> list[Ask]:
    """shared: the eight samples of a request answer one prompt; else each has its own."""
    from trainer.reward_model.random_checkpoint import invented_text

    rng = random.Random(seed)
    sample = invented_text(random.Random(seed), 2000)
    words_per_token = 2000 / len(encoder.encode("", sample))

    def text(tokens: int) -> str:
        return invented_text(rng, max(3, int(tokens * words_per_token)))

    asks = []
    for number in range(count):
        prompt = text(long_tailed(rng, median))
        samples = []
        for index in range(GROUP):
            own = prompt if shared else text(long_tailed(rng, median))
            samples.append({"id": f"{number}.{index}", "prompt": own, "response": text(long_tailed(rng, median))})
        lengths = [len(encoder.encode(s["prompt"], s["response"])) for s in samples]
        asks.append(Ask(samples, [encoder.text(s["prompt"], s["response"]) for s in samples], lengths))
    return asks


async def load(
    server: Server, session: aiohttp.ClientSession, asks: list[Ask], callers: int, *, workload: str, system: str
) -> tuple[Measured, list[list[float]]]:
    """All asks through `callers` closed loops; and the raw scores, in order. Connections are new for every request."""
    pending = iter(list(enumerate(asks)))
    latencies: list[float] = []
    scores: list[list[float]] = [[] for _ in asks]

    async def caller() -> None:
        for number, ask in pending:
            body = {"samples": ask.samples} if system == "rlmr" else {"query": ask.queries}
            started = time.perf_counter()
            async with session.post(server.score, json=body) as answer:
                reply = await answer.json()
            latencies.append(time.perf_counter() - started)
            scores[number] = [r["raw"] for r in reply["results"]] if system == "rlmr" else reply["rewards"]

    live = asyncio.create_task(watch_livez(server, session)) if system == "rlmr" else None
    cpu, started = server.cpu_seconds(), time.monotonic()
    await asyncio.gather(*(caller() for _ in range(min(callers, len(asks)))))
    stopped = time.monotonic()
    result = Measured(
        system=system,
        workload=workload,
        callers=callers,
        seconds=stopped - started,
        window=(started, stopped),
        samples=sum(len(ask.lengths) for ask in asks),
        tokens=sum(sum(ask.lengths) for ask in asks),
        latencies=latencies,
        cpu_seconds=server.cpu_seconds() - cpu,
        padding_share=0.0 if system == "rlmr" else padding_share(asks),
    )
    if live is not None:
        live.cancel()
        (probes,) = await asyncio.gather(live, return_exceptions=False)
        result.livez_p99_ms = quantile(probes, 0.99) * 1e3 if probes else None
    return result, scores


async def watch_livez(server: Server, session: aiohttp.ClientSession) -> list[float]:
    """Seconds of each GET /livez, asked every 20 ms until cancelled."""
    probes: list[float] = []
    url = server.ready.replace("/readyz", "/livez")
    try:
        while True:
            started = time.perf_counter()
            async with session.get(url) as answer:
                await answer.read()
            probes.append(time.perf_counter() - started)
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return probes


def padding_share(asks: list[Ask]) -> float:
    """Share of computed positions that are padding when each request is padded to its longest text."""
    computed = sum(max(ask.lengths) * len(ask.lengths) for ask in asks)
    return 1 - sum(sum(ask.lengths) for ask in asks) / computed
