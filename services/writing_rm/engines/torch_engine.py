"""The in-process engine: torch and transformers, on a CPU or a CUDA device."""

import asyncio
import math
import os
import time
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
import torch
import transformers

from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Lost, Outcome, Text
from services.writing_rm.engines.forward_pass import Broken, TooMuch, one_pass
from services.writing_rm.engines.packed_forward import ATTENTION, Packing, packed_scores, register
from services.writing_rm.engines.usable import Usable
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.prefix import MIN_SHARED, common_prefix

log = structlog.get_logger(__name__)

COME_BACK_SECONDS = (1.0, 30.0)
"""First and longest pause between tries to come back; it doubles."""
COME_BACK_TRIES = 12
"""Some four minutes. Then a restart is worth its time, whatever the reason is."""


class TorchModel:
    """A loaded reward model; blocking calls, one at a time."""

    def __init__(self, model: Any, max_batch_tokens: int, share_prefixes: bool = True) -> None:
        self.model, self.max_batch_tokens, self.share_prefixes = model, max_batch_tokens, share_prefixes

    @classmethod
    def load(
        cls, directory: Path, *, dtype: str, device: str, max_batch_tokens: int, share_prefixes: bool = True
    ) -> "TorchModel":
        """dtype: float32 or bfloat16. device: cpu, cuda or cuda:N. Raises what transformers raises for a broken directory."""
        register()
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            str(directory), dtype=getattr(torch, dtype), attn_implementation=ATTENTION
        )
        return cls(model.eval().to(device), max_batch_tokens, share_prefixes)

    def score(self, texts: Sequence[Text]) -> list[float]:
        """Raw scores of one batch, in order: one forward pass over one row."""
        packing = Packing()
        for indices in _siblings(texts).values():
            members = [texts[i].ids for i in indices]
            shared = common_prefix(members) if self.share_prefixes and len(members) > 1 else 0
            if shared >= MIN_SHARED:
                packing.add(indices, members, shared)
            else:
                for index, member in zip(indices, members, strict=True):
                    packing.add([index], [member], 0)
        return packed_scores(self.model, packing)

    def score_all(self, ids: Sequence[Sequence[int]]) -> list[float]:
        """Raw scores of any number of unrelated texts, in order, in batches of at most max_batch_tokens."""
        scores: list[float] = []
        batch: list[Text] = []
        for number, text in enumerate(ids):
            if batch and sum(len(t.ids) for t in batch) + len(text) > self.max_batch_tokens:
                scores += self.score(batch)
                batch = []
            batch.append(Text(tuple(text), number))
        return scores + (self.score(batch) if batch else [])


def _siblings(texts: Sequence[Text]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for index, text in enumerate(texts):
        groups.setdefault(text.group, []).append(index)
    return groups


class TorchEngine:
    """The model behind the scheduler: forward passes run in one thread of their own, never on the event loop.

    A call without one score is followed by the golden texts, which tell whose fault it was. If they are right, the texts': they
    are tried in halves, and the one that stays without a score fails alone. If they are not, the engine's: nothing is sent to
    it until it gives the golden scores again.
    """

    slots = 1
    mixes_prompts = True

    def __init__(
        self,
        directory: Path,
        *,
        dtype: str,
        device: str,
        threads: int | None,
        max_batch_tokens: int,
        share_prefixes: bool = True,
        check: GoldenCheck | None = None,
        stuck_seconds: float = math.inf,
    ) -> None:
        """check: None = every failure is held to be the texts'. stuck_seconds: a forward pass that takes longer will not come
        back in time for anybody; one that takes twice as long never will."""
        self.directory, self.dtype, self.device, self.threads = directory, dtype, device, threads
        self.max_batch_tokens, self.share_prefixes = max_batch_tokens, share_prefixes
        self.check, self.stuck_seconds = check, stuck_seconds
        self.usable = Usable("loading the model")
        self._model: TorchModel | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forward")

    @property
    def identity(self) -> str:
        return f"torch {torch.__version__} {self.dtype} {self.device}"

    @property
    def max_tokens(self) -> int | None:
        return None  # the manifest's limit is the model's

    async def start(self) -> None:
        """Loads the model and runs one batch, so that the first caller does not pay for allocations and kernel choice."""
        self._model = await self._run(self._load)
        self.usable.yes()

    def _load(self) -> TorchModel:
        if self.threads is not None or "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(self.threads or _usable_cpus())
        model = TorchModel.load(
            self.directory,
            dtype=self.dtype,
            device=self.device,
            max_batch_tokens=self.max_batch_tokens,
            share_prefixes=self.share_prefixes,
        )
        length = min(64, model.model.config.max_position_embeddings)
        # A CPU has nothing to set up for a larger one; on CUDA a batch size that does not fit shows here, not with a caller.
        count = 2 if self.device == "cpu" else max(2, self.max_batch_tokens // length)
        model.score([Text((*[1] * (length - 1), number % 2), number) for number in range(count)])
        return model

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        if self.usable.problem is not None:
            return self._none_of(texts)
        tried = await self._try(texts)
        if isinstance(tried, list) and any(map(math.isfinite, tried)):
            return [raw if math.isfinite(raw) else _not_finite(raw) for raw in tried]
        if isinstance(tried, TooMuch) and len(texts) > 1:  # the one failure that is always a matter of size
            return await self._halves(texts)
        if not await self._still_well(tried):
            return self._none_of(texts)
        if isinstance(tried, list):
            return [_not_finite(raw) for raw in tried]
        if len(texts) > 1:
            return await self._halves(texts)
        if isinstance(tried, TooMuch):
            return [Failure(Status.UNAVAILABLE, f"out of device memory for {len(texts[0].ids)} tokens")]
        return [Lost(Status.UNAVAILABLE, f"the engine fails on this text and on no other: {tried.told}")]

    def _none_of(self, texts: Sequence[Text]) -> list[Outcome]:
        return [Lost(Status.UNAVAILABLE, f"{self.usable.problem}", suspect=False) for _ in texts]

    async def _try(self, texts: Sequence[Text]) -> list[float] | TooMuch | Broken:
        """One forward pass, watched: a pass that hangs would leave a service that is live, ready, and silent."""
        if self._model is None:
            return Broken("the model is still loading")
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        limits = (1, 2) if math.isfinite(self.stuck_seconds) else ()
        timers = [loop.call_later(n * self.stuck_seconds, self._stuck, started, n == 2) for n in limits]
        try:
            tried: list[float] | TooMuch | Broken = await self._run(one_pass, self._model, texts)
        finally:
            for timer in timers:
                timer.cancel()
        if self._recovery is None:
            self.usable.yes()  # in case it was only slow
        return tried

    def _stuck(self, started: float, for_good: bool) -> None:
        seconds = time.perf_counter() - started
        self.usable.no(f"a forward pass has not come back for {seconds:.0f} s", beyond_help=for_good)

    async def _still_well(self, failure: list[float] | TooMuch | Broken) -> bool:
        """Whether the golden texts get their scores after a call that got none. If not, nothing is sent until they do."""
        told = failure.told if isinstance(failure, TooMuch | Broken) else "the model answered no finite number"
        if isinstance(failure, Broken) and failure.sticky:
            self._lost_for_good(told)
            return False
        problem = await self._golden_problem()
        if problem is None or self.usable.beyond_help:
            return problem is None
        log.error("engine_failed", failure=told, golden=problem)
        self.usable.no(f"the engine failed ({told}), and then on the golden texts ({problem})")
        if self._recovery is None:
            self._recovery = asyncio.create_task(self._come_back(), name="come-back")
        return False

    async def _golden_problem(self) -> str | None:
        if self.check is None:
            return None

        async def outcomes(texts: Sequence[Text]) -> list[Outcome]:
            tried = await self._try(texts)
            if isinstance(tried, list):
                return [raw if math.isfinite(raw) else _not_finite(raw) for raw in tried]
            if isinstance(tried, Broken) and tried.sticky:
                self._lost_for_good(tried.told)
            return [Failure(Status.UNAVAILABLE, tried.told)] * len(texts)

        report = await self.check.run(outcomes, self.max_batch_tokens)
        return report.problems[0] if report.problems else None

    async def _come_back(self) -> None:
        pause, longest = COME_BACK_SECONDS
        for _ in range(COME_BACK_TRIES):
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
            if await self._golden_problem() is None:
                self._recovery = None
                self.usable.yes()
                log.info("engine_came_back")
                return
            if self.usable.beyond_help:
                return
        self._lost_for_good(f"{self.usable.problem}; {COME_BACK_TRIES} tries to come back failed")

    def _lost_for_good(self, told: str) -> None:
        log.error("engine_lost", error=told, remedy="restart the process; if that does not help, the device")
        self.usable.no(f"only a restart of the process can help: {told}", beyond_help=True)

    async def _halves(self, texts: Sequence[Text]) -> list[Outcome]:
        middle = len(texts) // 2
        return [*await self.score(texts[:middle]), *await self.score(texts[middle:])]

    async def _run(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def problems(self) -> list[str]:
        return [self.usable.problem] if self.usable.problem else []

    def remarks(self) -> list[str]:
        return []

    def details(self) -> dict[str, Any]:
        return {}

    async def stop(self) -> None:
        if self._recovery is not None:
            self._recovery.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model = None


def _not_finite(raw: float) -> Failure:
    return Failure(Status.UNPARSEABLE, f"the model answered {raw}: weights or dtype are broken for this text")


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
