"""Settings -> engine. Imports only what the choice needs: torch is absent where the engine runs over HTTP."""

import os
from pathlib import Path

from services.writing_rm.engines.base import Engine
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.settings import WritingRmSettings

# How often an OpenMP thread looks before it sleeps while it waits for the others: some 40 us, about what waking it costs.
SPIN_COUNT = "2000"


def before_torch_loads(settings: WritingRmSettings) -> None:
    """Keeps OpenMP's threads from waiting actively for milliseconds, GNU's default. To be called before anything imports torch.

    Where the cores are shared (other pods, our own event loop), a thread then burns whole time slices waiting for one that
    does not run: 5 to 10 times the CPU and the time was measured (docs/performance.md). A policy of the user's own wins.
    """
    if settings.engine == "torch" and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def make_engine(settings: WritingRmSettings, check: GoldenCheck, metrics: WritingRmMetrics) -> Engine:
    if settings.engine == "torch":
        import torch

        from services.writing_rm.engines.torch_engine import TorchEngine

        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return TorchEngine(
            Path(settings.model_dir),
            dtype=settings.dtype,
            device=device,
            threads=settings.torch_threads,
            max_batch_tokens=settings.max_batch_tokens or (4096 if device == "cpu" else 16384),
            share_prefixes=settings.share_prefixes,
            check=check,
            stuck_seconds=settings.timeout_seconds,
        )
    from services.writing_rm.engines.http_pool import HttpPool

    return HttpPool(settings, check, metrics)
