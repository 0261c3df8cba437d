"""`python -m benchmarks.soak [--minutes 10] [--seed 0]`: exit code 1 if a number was invented, a group lost, a deadline missed, or memory grew.

The first two fifths: each of the services in turn is killed with SIGKILL and comes back up to 6 s later, or stands still (SIGSTOP) for 3 s,
every 12 to 20 s; connections to the upstreams reset, cut, delay or refuse 2 % of the time. The rest: nobody is killed, so that memory can
be watched; connections fail in bursts of up to 20 %, services stand still.
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.soak.link import Link
from benchmarks.soak.load import Outcome, call_until, invented_groups, truths
from benchmarks.soak.services import Service
from rlmr.adapters.settings import Settings
from rlmr.client import NoAnswer, RlmrClient
from trainer.commands.quiet import quiet_libraries

RESULTS = Path(__file__).parent.parent / "results" / "soak.json"
DEADLINE = 60.0
"""Seconds that a caller gives a group. A killed writing reward model is away 6 s and loads for 3 to 10."""
DRIFT_LIMIT = 0.05


class Memory:
    """Resident memory of each service while nobody is killed."""

    def __init__(self, services: list[Service]) -> None:
        self._services = services
        self._mib: dict[str, list[float]] = {service.name: [] for service in services}

    async def watch(self) -> None:
        while True:
            for service in self._services:
                self._mib[service.name].append(service.rss_mib())
            await asyncio.sleep(2)

    def figures(self) -> dict[str, dict[str, float]]:
        """MiB at the beginning and at the end (medians of a fifth of the time each), and the growth as a share."""
        out = {}
        for name, mib in self._mib.items():
            fifth = max(1, len(mib) // 5)
            first, last = statistics.median(mib[:fifth]), statistics.median(mib[-fifth:])
            out[name] = {"first_mib": round(first, 1), "last_mib": round(last, 1), "growth": round(last / first - 1, 4)}
        return out


async def soak(minutes: float, seed: int, folder: Path, console: Console) -> dict[str, Any]:
    rng = random.Random(seed)
    model = folder / "model"
    await asyncio.to_thread(_write_model, folder / "checkpoint", model)
    writing_rm = Service("writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(model)}, folder / "writing-rm.log")
    verifier = Service("verifier", {}, folder / "verifier.log")
    links = [Link(service.port, rng) for service in (writing_rm, verifier)]
    async with AsyncExitStack() as stack:
        for link in links:
            await stack.enter_async_context(link.open())
        upstreams = {"RLMR_AGGREGATOR_WRITING_RM_URL": links[0].url, "RLMR_AGGREGATOR_VERIFIER_URL": links[1].url}
        aggregator = Service("aggregator", upstreams, folder / "aggregator.log")
        services = [writing_rm, verifier, aggregator]
        exits: dict[str, int | None] = {}
        try:
            for service in services:
                service.start()
            await _until_ready(aggregator.url)
            outcome, memory = Outcome(), Memory(services)
            await _disturbed(minutes * 60, services, links, rng, outcome, memory, console)
        finally:
            exits = {service.name: await asyncio.to_thread(service.end) for service in reversed(services)}
    grown = memory.figures()
    verdict = {
        "no number invented": not outcome.invented,
        "no group lost": not outcome.lost,
        "deadlines kept": outcome.late == 0,
        "memory steady": all(row["growth"] < DRIFT_LIMIT for row in grown.values()),
        "ended on SIGTERM": all(code == 0 for code in exits.values()),
    }
    return {
        "minutes": minutes,
        "seed": seed,
        "deadline_seconds": DEADLINE,
        "kills": {service.name: service.kills for service in services},
        "standstills": {service.name: service.stops for service in services},
        "broken_replies": {
            name: sum(link.done[name] for link in links) for name in sorted(set().union(*(link.done for link in links)))
        },
        **outcome.figures(),
        "first_invented": outcome.invented[:5],
        "memory": grown,
        "verdict": verdict,
    }


async def _disturbed(
    seconds: float,
    services: list[Service],
    links: list[Link],
    rng: random.Random,
    outcome: Outcome,
    memory: Memory,
    console: Console,
) -> None:
    settings = Settings(url=services[-1].url, timeout=DEADLINE, attempt_timeout=20.0, strategy={"name": "rlmr"})
    groups = invented_groups(40, 8, rng)
    truth = await truths(settings, groups)
    begun = time.monotonic()
    end, calm = begun + seconds, begun + seconds * 0.4
    load = asyncio.ensure_future(call_until(end, settings, groups, truth, outcome, callers=8, per_second=40))
    watching: asyncio.Task[None] | None = None
    turn = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[so_far]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("soak", total=seconds, so_far="")
        try:
            while time.monotonic() < end - 15 and not load.done():
                progress.update(
                    task,
                    completed=time.monotonic() - begun,
                    so_far=f"{outcome.asked} groups, {sum(outcome.lost.values())} lost, {len(outcome.invented)} invented",
                )
                victim = services[turn % len(services)]
                turn += 1
                if time.monotonic() < calm:
                    for link in links:
                        link.rate = 0.02
                    await (victim.kill(away=rng.uniform(0, 6)) if rng.random() < 0.75 else victim.stop(3))
                else:
                    if watching is None:
                        await asyncio.sleep(10)
                        watching = asyncio.ensure_future(memory.watch())
                    for link in links:
                        link.rate = rng.choice((0.0, 0.02, 0.2))
                    if rng.random() < 0.25:
                        await victim.stop(3)
                await asyncio.sleep(rng.uniform(12, 20) if time.monotonic() < calm else 5)
            for link in links:
                link.rate = 0.0
            await load
        finally:
            for running in (load, watching):
                if running is not None:
                    running.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await running


def _write_model(checkpoint: Path, out: Path) -> None:
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint

    write_random_checkpoint(checkpoint)
    rng = random.Random(1)
    reference = [(invented_text(rng, 8), invented_text(rng, rng.randint(2, 40))) for _ in range(40)]
    export_reward_model(checkpoint, out, name="random", reference=reference)


async def _until_ready(url: str, seconds: float = 120.0) -> None:
    end, said = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        try:
            ready, reasons = await asyncio.to_thread(RlmrClient(url, timeout=10).ready)
            if ready:
                return
            said = "; ".join(reasons)
        except NoAnswer as exc:
            said = str(exc)
        await asyncio.sleep(0.25)
    raise RuntimeError(f"the services were not ready after {seconds:.0f} s: {said}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.minutes < 2:
        parser.error("--minutes: at least 2, or nothing is left to watch memory in")
    console = Console()
    quiet_libraries()
    with tempfile.TemporaryDirectory(prefix="rlmr-soak-") as folder:
        figures = asyncio.run(soak(args.minutes, args.seed, Path(folder), console))
    args.out.write_text(json.dumps(figures, indent=1) + "\n")
    console.print_json(data=figures)
    for claim, held in figures["verdict"].items():
        console.print(f"[{'green' if held else 'red'}]{'yes' if held else 'NO '}[/] {claim}")
    return 0 if all(figures["verdict"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
