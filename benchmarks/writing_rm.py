"""`make bench-writing-rm`: the writing reward model service beside OpenRLHF's serve_rm, on one machine, in one run.

Same checkpoint, same torch, same dtype (bfloat16: serve_rm offers no float32), same texts, same number of threads. Each
measurement starts with a fresh server; callers are closed loops over real sockets. The bare forward loop is the limit: the
service's own batches without sockets, JSON, tokenising, queue or cache.

    python -m benchmarks.writing_rm [--quick]
"""

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

RESULTS = Path(__file__).parent / "results" / "writing_rm.json"
ROOT = Path(__file__).resolve().parent.parent
GROUP = 8
TARGETS = {"ratio_to_serve_rm": 3.0, "ratio_to_serve_rm_unrelated": 1.5, "share_of_raw_forward": 0.9}
SHAPES: dict[str, dict[str, int]] = {
    # Qwen2-0.5B without its 151,936-row embedding, which a reward model only looks up.
    "qwen2-0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
    },
    # The story world's reward model.
    "story-world": {
        "hidden_size": 192,
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
    },
}


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
    livez_p99_ms: float | None = None
    padding_share: float | None = None

    def row(self) -> dict[str, Any]:
        body = {k: v for k, v in asdict(self).items() if k != "latencies"}
        return body | {
            "samples_per_s": self.samples / self.seconds,
            "tokens_per_s": self.tokens / self.seconds,
            "p50_s": statistics.median(self.latencies) if self.latencies else None,
            "p99_s": quantile(self.latencies, 0.99) if self.latencies else None,
        }


def quantile(values: Sequence[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def long_tailed(rng: random.Random, median: float) -> int:
    """A length in tokens: log-normal with sigma 1, 16 to 1,024, so that prompt and response make 32 to 2,048."""
    return int(min(1024, max(16, rng.lognormvariate(0, 1) * median)))


def make_asks(encoder: Any, count: int, *, shared: bool, seed: int, median: float) -> list[Ask]:
    """shared: the eight samples of a request answer one prompt; else each has its own."""
    from trainer.reward_model.random_checkpoint import invented_text

    rng = random.Random(seed)

    def text(tokens: int) -> str:
        return invented_text(rng, max(3, int(tokens / 2.2)))

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


class Server:
    """A process under test: started, waited for, and stopped; its CPU seconds are those of its whole life under load."""

    def __init__(self, command: list[str], env: dict[str, str], ready: str, score: str) -> None:
        self.command, self.env, self.ready, self.score = command, env, ready, score
        self.cpu_before = 0.0

    @asynccontextmanager
    async def run(self, session: aiohttp.ClientSession) -> AsyncIterator["Server"]:
        log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)  # noqa: SIM115 - outlives this block on failure
        threads = str(usable_cpus())
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop yet
            self.command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": threads, **self.env}, stdout=log, stderr=log
        )
        self.pid = process.pid
        try:
            await self._wait(session, process, log.name)
            yield self
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def _wait(self, session: aiohttp.ClientSession, process: subprocess.Popen[bytes], log: str) -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                async with session.get(self.ready) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)
        said = await asyncio.to_thread(Path(log).read_text)
        raise SystemExit(f"the server did not become ready:\n{said[-3000:]}")

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def usable_cpus() -> int:
    return len(os.sched_getaffinity(0))


def ours(model_dir: Path, port: int) -> Server:
    env = {
        "RLMR_WRITING_RM_MODEL_DIR": str(model_dir),
        "RLMR_WRITING_RM_PORT": str(port),
        "RLMR_WRITING_RM_DTYPE": "bfloat16",
        "RLMR_WRITING_RM_GOLDEN_TOLERANCE": "1",  # random weights at bfloat16: not what is measured here
        "RLMR_WRITING_RM_CACHE_BYTES": "0",
        "RLMR_WRITING_RM_TIMEOUT_SECONDS": "1000",
        "RLMR_WRITING_RM_QUEUE_TOKENS": "10000000",
        "RLMR_WRITING_RM_VERIFY_FILES": "false",
    }
    base = f"http://127.0.0.1:{port}"
    return Server([sys.executable, "-m", "rlmr", "serve", "writing-rm"], env, f"{base}/readyz", f"{base}/score")


def serve_rm(checkpoint: Path, port: int) -> Server:
    """OpenRLHF's own server; on a CPU through the same thin runtime as training (it only stands in for CUDA imports)."""
    command = [sys.executable, "-m", "trainer.openrlhf_cli", "openrlhf.cli.serve_rm"]
    flags = {
        "--reward.model_name_or_path": str(checkpoint),
        "--ds.attn_implementation": "sdpa",
        "--ds.param_dtype": "bf16",
        "--data.max_len": "4096",
        "--host": "127.0.0.1",
        "--port": str(port),
    }
    base = f"http://127.0.0.1:{port}"
    return Server(
        [*command, *(part for pair in flags.items() for part in pair)], {}, f"{base}/openapi.json", f"{base}/get_reward"
    )


async def load(
    server: Server, session: aiohttp.ClientSession, asks: list[Ask], callers: int, *, workload: str, system: str
) -> tuple[Measured, list[list[float]]]:
    """All asks through `callers` closed loops; and the raw scores, in order."""
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
    cpu, started = server.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(min(callers, len(asks)))))
    seconds = time.perf_counter() - started
    result = Measured(
        system=system,
        workload=workload,
        callers=callers,
        seconds=seconds,
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


def bare_forward(model_dir: str, path: str) -> None:
    """In a process of its own: the service's batches straight through the model. Prints seconds and CPU seconds as JSON."""
    import torch

    from services.writing_rm.engines.base import Text
    from services.writing_rm.engines.torch_engine import TorchModel
    from services.writing_rm.prefix import SiblingCost

    torch.set_num_threads(usable_cpus())
    model = TorchModel.load(Path(model_dir), dtype="bfloat16", device="cpu", max_batch_tokens=4096)
    batches: list[list[Text]] = [[]]
    total = 0
    for group in json.loads(Path(path).read_text()):
        costs: dict[str, SiblingCost] = {}
        for key, ids in group:
            cost = costs.setdefault(key, SiblingCost(share=True))
            cost.add(tuple(ids))
        tokens = sum(c.tokens for c in costs.values())
        if batches[-1] and total + tokens > model.max_batch_tokens:
            batches.append([])
            total = 0
        batches[-1] += [Text(tuple(ids), key) for key, ids in group]
        total += tokens
    model.score(batches[0])
    cpu, started = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), time.perf_counter()
    for batch in batches:
        model.score(batch)
    seconds = time.perf_counter() - started
    cpu_seconds = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))


def run_bare(model_dir: Path, encoder: Any, asks: list[Ask], workload: str) -> Measured:
    groups = [[(s["prompt"], encoder.encode(s["prompt"], s["response"])) for s in ask.samples] for ask in asks]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(groups, file)
        file.flush()
        out = subprocess.run(
            [sys.executable, "-m", "benchmarks.writing_rm", "--bare", str(model_dir), file.name],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": str(usable_cpus())},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    told = json.loads(out.strip().splitlines()[-1])
    samples, tokens = sum(len(a.lengths) for a in asks), sum(sum(a.lengths) for a in asks)
    return Measured("bare forward", workload, 1, told["seconds"], samples, tokens, cpu_seconds=told["cpu_seconds"])


async def measure(
    shape: str, rounds: int, requests: int, median: float, callers: Sequence[int]
) -> list[dict[str, Any]]:
    """Every system on both workloads, `rounds` times, systems in turn so that a slow minute hits all of them."""
    from rlmr.reward_model import read_manifest
    from services.writing_rm.text_form import TextEncoder
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, model_dir = Path(folder) / "checkpoint", Path(folder) / "model"
        write_random_checkpoint(checkpoint, vocabulary=2048, shape=SHAPES[shape])
        rng = random.Random(0)
        pairs = [(invented_text(rng, 5), invented_text(rng, rng.randint(3, 30))) for _ in range(8)]
        export_reward_model(checkpoint, model_dir, name=shape, reference=pairs)
        encoder = TextEncoder.from_directory(model_dir, read_manifest(model_dir).text_form)
        workloads = {
            name: make_asks(encoder, requests, shared=name == "groups", seed=7, median=median)
            for name in ("groups", "unrelated")
        }
        timeout = aiohttp.ClientTimeout(total=3000)
        # A new connection per request, as OpenRLHF's own client makes: serve_rm, blocked in a forward pass, drops idle ones.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            for _ in range(rounds):
                given: dict[tuple[str, str], list[list[float]]] = {}
                for system, server in (("serve_rm", serve_rm(checkpoint, 18311)), ("rlmr", ours(model_dir, 18312))):
                    async with server.run(session) as up:
                        await load(up, session, workloads["groups"][:1], 1, workload="warm-up", system=system)
                        for name, asks in workloads.items():
                            for count in callers:
                                result, scores = await load(up, session, asks, count, workload=name, system=system)
                                given[system, name] = scores
                                rows.append({"model": shape} | result.row())
                                show(rows[-1])
                for name, asks in workloads.items():
                    rows.append({"model": shape} | run_bare(model_dir, encoder, asks, name).row())
                    show(rows[-1])
                    check_same_scores(given["serve_rm", name], given["rlmr", name])
    return rows


def check_same_scores(theirs: list[list[float]], mine: list[list[float]]) -> None:
    """A fast wrong answer is no result: both must agree as closely as bfloat16 lets them."""
    pairs = [(a, b) for x, y in zip(theirs, mine, strict=True) for a, b in zip(x, y, strict=True)]
    spread = statistics.stdev(a for a, _ in pairs)
    error = statistics.median(abs(a - b) for a, b in pairs)
    if not error < 0.25 * spread:
        raise SystemExit(f"the two servers disagree: median difference {error:.4g}, spread of the scores {spread:.4g}")


def show(row: dict[str, Any]) -> None:
    optional = [f"{row[k]:9.2f}" if row[k] is not None else " " * 9 for k in ("p50_s", "p99_s", "livez_p99_ms")]
    padding = f"{row['padding_share']:8.0%}" if row["padding_share"] is not None else " " * 8
    print(
        f"{row['model']:<12}{row['system']:<14}{row['workload']:<11}{row['callers']:>7}{row['samples_per_s']:>11.2f}"
        f"{row['tokens_per_s']:>10.0f}{optional[0]}{optional[1]}{padding}{row['cpu_seconds']:>9.1f}{optional[2]}",
        flush=True,
    )


def header() -> None:
    print(
        f"{'model':<12}{'system':<14}{'workload':<11}{'callers':>7}{'samples/s':>11}{'tokens/s':>10}"
        f"{'p50 s':>9}{'p99 s':>9}{'padding':>8}{'CPU s':>9}{'livez99':>9}"
    )


def median_of(rows: list[dict[str, Any]], key: str, **match: Any) -> float:
    return statistics.median(row[key] for row in rows if all(row[k] == v for k, v in match.items()))


def ratios(rows: list[dict[str, Any]], model: str, callers: int) -> dict[str, float]:
    """tokens/s of the service over the others', medians over the rounds."""

    def speed(system: str, workload: str) -> float:
        n = 1 if system == "bare forward" else callers
        return median_of(rows, "tokens_per_s", model=model, system=system, workload=workload, callers=n)

    def cpu(system: str, workload: str) -> float:
        n = 1 if system == "bare forward" else callers
        return median_of(rows, "cpu_seconds", model=model, system=system, workload=workload, callers=n)

    shares = [speed("rlmr", name) / speed("bare forward", name) for name in ("groups", "unrelated")]
    return {
        "ratio_to_serve_rm": speed("rlmr", "groups") / speed("serve_rm", "groups"),
        "ratio_to_serve_rm_unrelated": speed("rlmr", "unrelated") / speed("serve_rm", "unrelated"),
        "share_of_raw_forward": min(shares),
        # The same in CPU seconds of the server process: steadier where other work shares the cores.
        "cpu_ratio_to_serve_rm": cpu("serve_rm", "groups") / cpu("rlmr", "groups"),
        "cpu_ratio_to_serve_rm_unrelated": cpu("serve_rm", "unrelated") / cpu("rlmr", "unrelated"),
        "cpu_share_of_raw_forward": min(
            cpu("bare forward", name) / cpu("rlmr", name) for name in ("groups", "unrelated")
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the small model")
    parser.add_argument("--layers", type=int, default=24, help="of the 0.5B shape; fewer where 24 take too long")
    parser.add_argument("--rounds", type=int, default=1, help="of the small model; medians over rounds")
    parser.add_argument("--bare", nargs=2, metavar=("MODEL_DIR", "TEXTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare_forward(*options.bare)
        return
    header()
    rows: list[dict[str, Any]] = []
    if not options.quick:
        SHAPES["qwen2-0.5b"]["num_hidden_layers"] = options.layers
        rows += asyncio.run(measure("qwen2-0.5b", rounds=1, requests=8, median=96, callers=(8,)))
        write(rows)
    rows += asyncio.run(measure("story-world", rounds=options.rounds, requests=64, median=96, callers=(1, 8, 64)))
    write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    """The first model measured makes the headline figures."""
    headline = rows[0]["model"]
    per_model = {m: ratios(rows, m, 8) for m in SHAPES if any(row["model"] == m for row in rows)}
    livez = [row["livez_p99_ms"] for row in rows if row["livez_p99_ms"] is not None]
    result = {
        **per_model[headline],
        "headline_model": headline,
        "per_model": per_model,
        "livez_p99_ms": max(livez),
        "targets": TARGETS | {"livez_p99_ms": 50},
        "dtype": "bfloat16",
        "shapes": SHAPES,
        "load_average": os.getloadavg(),
        "machine": {"cpu": cpu_name(), "threads": usable_cpus(), "system": platform.platform()},
        "versions": {p: version(p) for p in ("torch", "transformers", "openrlhf", "fastapi", "uvicorn")},
        "rows": rows,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: result[k] for k in ("headline_model", *TARGETS, "livez_p99_ms", "per_model")}, indent=1))
    from benchmarks.writing_rm_plot import draw

    print(f"==> {RESULTS.relative_to(ROOT)}, {draw().relative_to(ROOT)}")


def cpu_name() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()


if __name__ == "__main__":
    main()
