"""`make bench-writing-rm`: the writing reward model service beside OpenRLHF's serve_rm, on one machine, in one run.

Same checkpoint, same torch, same dtype (bfloat16: serve_rm offers no float32), same texts, same threads. Callers are closed
loops over real sockets, on the same cores as the server. The bare forward pass is the limit: the very batches that the service
computed, once more through the model, in a process that does nothing else.

    python -m benchmarks.writing_rm [--quick] [--layers N] [--requests N] [--rounds N]
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.writing_rm_load import Measured, load, make_asks
from benchmarks.writing_rm_systems import (
    DTYPE,
    MAX_BATCH_TOKENS,
    ROOT,
    bare_forward,
    batches_between,
    environment,
    ours,
    serve_rm,
    usable_cpus,
)

RESULTS = Path(__file__).parent / "results" / "writing_rm.json"
MEDIAN = 96  # tokens, of a prompt and of a response
HEADLINE_CALLERS = 8
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


async def measure(shape: str, rounds: int, requests: int, callers: Sequence[int]) -> list[dict[str, Any]]:
    """Every system on both workloads, `rounds` times, systems in turn so that a slow minute hits all of them."""
    from services.writing_rm.model.manifest import read_manifest
    from services.writing_rm.model.text_form import TextEncoder
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, model_dir, noted = (Path(folder) / name for name in ("checkpoint", "model", "batches.json"))
        write_random_checkpoint(checkpoint, vocabulary=2048, shape=SHAPES[shape])
        rng = random.Random(0)
        pairs = [(invented_text(rng, 5), invented_text(rng, rng.randint(3, 30))) for _ in range(8)]
        export_reward_model(checkpoint, model_dir, name=shape, reference=pairs)
        encoder = TextEncoder.from_directory(model_dir, read_manifest(model_dir).text_form)
        workloads = {
            name: make_asks(encoder, requests, shared=name == "groups", seed=7, median=MEDIAN)
            for name in ("groups", "unrelated")
        }
        timeout = aiohttp.ClientTimeout(total=3000)
        # A new connection per request, as OpenRLHF's own client makes: serve_rm, blocked in a forward pass, drops idle ones.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            for _ in range(rounds):
                given: dict[tuple[str, str], list[list[float]]] = {}
                measured: list[Measured] = []
                systems = (("serve_rm", serve_rm(checkpoint, 18311)), ("rlmr", ours(model_dir, 18312, noted)))
                for system, server in systems:
                    async with server.run(session) as up:
                        await load(up, session, workloads["groups"][:1], 1, workload="warm-up", system=system)
                        for name, asks in workloads.items():
                            for count in callers:
                                result, scores = await load(up, session, asks, count, workload=name, system=system)
                                given[system, name] = scores
                                measured.append(result)
                                rows.append({"model": shape} | result.row())
                                show(rows[-1])
                rows += limits(shape, model_dir, noted, [m for m in measured if m.system == "rlmr"])
                for name in workloads:
                    check_same_scores(given["serve_rm", name], given["rlmr", name])
    return rows


def limits(shape: str, model_dir: Path, noted: Path, served: list[Measured]) -> list[dict[str, Any]]:
    """The bare forward pass over the batches of each of our service's rows."""
    windows = batches_between(noted, {f"{m.workload} {m.callers}": m.window for m in served})
    bare = bare_forward(model_dir, windows)
    rows = []
    for m in served:
        limit = bare[f"{m.workload} {m.callers}"]
        told = Measured(
            "bare forward", m.workload, m.callers, limit.seconds, m.samples, m.tokens, cpu_seconds=limit.cpu_seconds
        )
        extra = {"batches": limit.batches, "tokens_computed": limit.tokens_computed}
        rows.append({"model": shape} | told.row() | extra)
        show(rows[-1])
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
        return median_of(rows, "tokens_per_s", model=model, system=system, workload=workload, callers=callers)

    def cpu(system: str, workload: str) -> float:
        return median_of(rows, "cpu_seconds", model=model, system=system, workload=workload, callers=callers)

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
    parser.add_argument("--requests", type=int, default=8, help="of the 0.5B shape, eight samples each")
    parser.add_argument("--rounds", type=int, default=1, help="of the small model; medians over rounds")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    header()
    rows: list[dict[str, Any]] = []
    if not options.quick:
        SHAPES["qwen2-0.5b"]["num_hidden_layers"] = options.layers
        rows += asyncio.run(measure("qwen2-0.5b", 1, options.requests, callers=(HEADLINE_CALLERS,)))
        write(rows, busy)
    rows += asyncio.run(measure("story-world", options.rounds, 64, callers=(1, HEADLINE_CALLERS, 64)))
    write(rows, busy)


def write(rows: list[dict[str, Any]], busy: float) -> None:
    """The first model measured makes the headline figures. `busy`: load average of the minute before the run."""
    headline = rows[0]["model"]
    per_model = {m: ratios(rows, m, HEADLINE_CALLERS) for m in SHAPES if any(row["model"] == m for row in rows)}
    livez = [row["livez_p99_ms"] for row in rows if row["livez_p99_ms"] is not None]
    result = {
        **per_model[headline],
        "headline_model": headline,
        "headline_callers": HEADLINE_CALLERS,
        "per_model": per_model,
        "livez_p99_ms": max(livez),
        "targets": TARGETS | {"livez_p99_ms": 50},
        "dtype": DTYPE,
        "max_batch_tokens": MAX_BATCH_TOKENS,
        "gomp_spincount": environment()["GOMP_SPINCOUNT"],
        "shapes": SHAPES,
        "load_average_before": busy,
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
