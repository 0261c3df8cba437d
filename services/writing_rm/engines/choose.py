"""Settings -> engine. Imports only what the choice needs: torch is absent where the engine runs over HTTP."""

from pathlib import Path

from services.writing_rm.engines.base import Engine
from services.writing_rm.golden import GoldenCheck
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.settings import WritingRmSettings


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
        )
    from services.writing_rm.engines.http_pool import HttpPool

    return HttpPool(settings, check, metrics)
