"""The in-process engine: torch and transformers, on a CPU or a CUDA device."""

import asyncio
import math
import os
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
import transformers

from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.packed_forward import ATTENTION, Packing, packed_scores, register
from services.writing_rm.prefix import MIN_SHARED, common_prefix

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True)
class TooMuch:
    """A batch did not fit into the device's memory."""

    told: str


class TorchEngine:
    """The model behind the scheduler: forward passes run in one thread of their own, never on the event loop."""

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
    ) -> None:
        self.directory, self.dtype, self.device, self.threads = directory, dtype, device, threads
        self.max_batch_tokens, self.share_prefixes = max_batch_tokens, share_prefixes
        self._model: TorchModel | None = None
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
        if self._model is None:
            return [Failure(Status.UNAVAILABLE, "the model is still loading") for _ in texts]
        raws = await self._run(self._scores_or_too_much, texts)
        if isinstance(raws, TooMuch):
            return await self._halves(texts, raws)
        return [raw if math.isfinite(raw) else _not_finite(raw) for raw in raws]

    def _scores_or_too_much(self, texts: Sequence[Text]) -> "list[float] | TooMuch":
        assert self._model is not None
        try:
            return self._model.score(texts)
        except torch.OutOfMemoryError as exc:
            told = str(exc)
        # Not above: until the handler ends, the exception's traceback holds the tensors that are to be freed.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return TooMuch(told)

    async def _halves(self, texts: Sequence[Text], too_much: "TooMuch") -> list[Outcome]:
        """Out of device memory: try again in halves; a single text that does not fit fails alone."""
        log.error("out_of_memory", texts=len(texts), tokens=sum(len(t.ids) for t in texts), error=too_much.told)
        if len(texts) == 1:
            return [Failure(Status.UNAVAILABLE, f"out of device memory for {len(texts[0].ids)} tokens")]
        middle = len(texts) // 2
        return [*await self.score(texts[:middle]), *await self.score(texts[middle:])]

    async def _run(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def problems(self) -> list[str]:
        return [] if self._model is not None else ["loading the model"]

    async def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model = None


def _not_finite(raw: float) -> Failure:
    return Failure(Status.UNPARSEABLE, f"the model answered {raw}: weights or dtype are broken for this text")


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
