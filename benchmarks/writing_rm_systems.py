"""The three systems of `make bench-writing-rm`: our service, OpenRLHF's serve_rm, and the bare forward pass.

    python -m benchmarks.writing_rm_systems service BATCHES          our service, which notes every batch it computes
    python -m benchmarks.writing_rm_systems bare MODEL_DIR BATCHES   those batches once more, through the model alone

All three get the same number of OpenMP threads, and wait for each other in the same way (GOMP_SPINCOUNT).
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from services.writing_rm.engines.choose import SPIN_COUNT

ROOT = Path(__file__).resolve().parent.parent
DTYPE = "bfloat16"  # serve_rm has no float32
MAX_BATCH_TOKENS = 4096

Batch = list[tuple[str, list[int]]]
"""(prompt, token ids) of each text of one forward pass."""


def usable_cpus() -> int:
    return len(os.sched_getaffinity(0))


def environment() -> dict[str, str]:
    """What every measured process gets; a GOMP_SPINCOUNT of the user's own wins."""
    return {"GOMP_SPINCOUNT": SPIN_COUNT, **os.environ, "OMP_NUM_THREADS": str(usable_cpus())}


class Server:
    """A process under test: started, waited for, and stopped."""

    def __init__(self, command: list[str], env: dict[str, str], ready: str, score: str) -> None:
        self.command, self.env, self.ready, self.score = command, env, ready, score

    @asynccontextmanager
    async def run(self, session: aiohttp.ClientSession) -> AsyncIterator["Server"]:
        log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)  # noqa: SIM115 - outlives this block on failure
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop yet
            self.command, cwd=ROOT, env={**environment(), **self.env}, stdout=log, stderr=log
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


def ours(model_dir: Path, port: int, batches: Path) -> Server:
    """`batches`: written when the server ends."""
    env = {
        "RLMR_WRITING_RM_MODEL_DIR": str(model_dir),
        "RLMR_WRITING_RM_PORT": str(port),
        "RLMR_WRITING_RM_DTYPE": DTYPE,
        "RLMR_WRITING_RM_MAX_BATCH_TOKENS": str(MAX_BATCH_TOKENS),
        "RLMR_WRITING_RM_GOLDEN_TOLERANCE": "1",  # random weights at bfloat16: not what is measured here
        "RLMR_WRITING_RM_CACHE_BYTES": "0",
        "RLMR_WRITING_RM_TIMEOUT_SECONDS": "1000",
        "RLMR_WRITING_RM_QUEUE_TOKENS": "10000000",
        "RLMR_WRITING_RM_VERIFY_FILES": "false",
        "RLMR_WRITING_RM_DRAIN_SECONDS": "0",
    }
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "benchmarks.writing_rm_systems", "service", str(batches)]
    return Server(command, env, f"{base}/readyz", f"{base}/score")


def serve_rm(checkpoint: Path, port: int) -> Server:
    """OpenRLHF's own server; on a CPU through the same thin runtime as training (it only stands in for CUDA imports)."""
    command = [sys.executable, "-m", "trainer.grpo.launch", "openrlhf.cli.serve_rm"]
    flags = {
        "--reward.model_name_or_path": str(checkpoint),
        "--ds.attn_implementation": "sdpa",
        "--ds.param_dtype": "bf16",
        "--data.max_len": "4096",
        "--host": "127.0.0.1",
        "--port": str(port),
    }
    base = f"http://127.0.0.1:{port}"
    command += [part for pair in flags.items() for part in pair]
    return Server(command, {}, f"{base}/openapi.json", f"{base}/get_reward")


def run_noting_service(batches: Path) -> None:
    """Our service as `rlmr serve writing-rm` runs it. Noting a batch appends two references; the file is written at the end."""
    from services.writing_rm.app import main
    from services.writing_rm.engines.choose import before_torch_loads
    from services.writing_rm.settings import WritingRmSettings

    before_torch_loads(WritingRmSettings.load())
    from services.writing_rm.engines.base import Text
    from services.writing_rm.engines.torch_engine import TorchModel

    noted: list[tuple[float, Sequence[Text]]] = []
    compute = TorchModel.score

    def score(self: TorchModel, texts: Sequence[Text]) -> list[float]:
        noted.append((time.monotonic(), texts))
        return compute(self, texts)

    TorchModel.score = score  # type: ignore[method-assign]
    main()
    batches.write_text(json.dumps([(at, [(str(t.group), t.ids) for t in texts]) for at, texts in noted]))


def batches_between(path: Path, windows: Mapping[str, tuple[float, float]]) -> dict[str, list[Batch]]:
    """The batches a service computed in each window of time.monotonic(), which all processes of a machine share."""
    noted = json.loads(path.read_text())
    return {name: [batch for at, batch in noted if start <= at <= stop] for name, (start, stop) in windows.items()}


@dataclass(frozen=True)
class Bare:
    """The limit for one window of load: the same batches without sockets, JSON, tokenising, queue and load generator."""

    seconds: float
    cpu_seconds: float
    batches: int
    tokens_computed: int


def bare_forward(model_dir: Path, windows: Mapping[str, list[Batch]]) -> dict[str, Bare]:
    """Runs every window's batches in one process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(windows, file)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.writing_rm_systems", "bare", str(model_dir), file.name]
        out = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stdout
    told: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return {name: Bare(**figures) for name, figures in told.items()}


def run_bare(model_dir: Path, windows: Mapping[str, list[Batch]]) -> dict[str, dict[str, float]]:
    import torch

    from services.writing_rm.engines.base import Text
    from services.writing_rm.engines.torch_engine import TorchModel
    from services.writing_rm.prefix import SiblingCost

    torch.set_num_threads(usable_cpus())
    model = TorchModel.load(model_dir, dtype=DTYPE, device="cpu", max_batch_tokens=MAX_BATCH_TOKENS)
    told = {}
    for name, window in windows.items():
        batches = [[Text(tuple(ids), prompt) for prompt, ids in batch] for batch in window]
        computed = 0
        for batch in batches:
            costs: dict[object, SiblingCost] = {}
            for text in batch:
                costs.setdefault(text.group, SiblingCost(share=True)).add(text.ids)
            computed += sum(cost.tokens for cost in costs.values())
        model.score(batches[0])
        cpu, started = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), time.perf_counter()
        for batch in batches:
            model.score(batch)
        seconds = time.perf_counter() - started
        spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu
        told[name] = {
            "seconds": seconds,
            "cpu_seconds": spent,
            "batches": len(batches),
            "tokens_computed": computed,
        }
    return told


if __name__ == "__main__":
    role, *paths = sys.argv[1:]
    if role == "service":
        run_noting_service(Path(paths[0]))
    else:
        print(json.dumps(run_bare(Path(paths[0]), json.loads(Path(paths[1]).read_text()))))
