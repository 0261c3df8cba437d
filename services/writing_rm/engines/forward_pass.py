"""One forward pass in process, and the ways in which it ends without scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
import torch

from services.writing_rm.engines.base import Text

log = structlog.get_logger(__name__)

STICKY = ("cuda error", "device-side assert", "illegal memory access")
"""After one of these every later call of the process fails: the CUDA context is lost, and only a new process gets another.

A lack of memory, which also comes as a CUDA error, and a status of cuBLAS need not be that: the golden texts tell.
"""
NOT_STICKY = ("out of memory", "cublas_status")


class Model(Protocol):
    def score(self, texts: Sequence[Text]) -> list[float]: ...


@dataclass(frozen=True)
class TooMuch:
    """A batch did not fit into the device's memory."""

    told: str


@dataclass(frozen=True)
class Broken:
    """A forward pass raised."""

    told: str

    @property
    def sticky(self) -> bool:
        told = self.told.lower()
        return any(mark in told for mark in STICKY) and not any(mark in told for mark in NOT_STICKY)


def one_pass(model: Model, texts: Sequence[Text]) -> list[float] | TooMuch | Broken:
    """Raw scores in order, finite or not, or why there are none. Never raises: a text may be put back, a thread may not end."""
    failure: TooMuch | Broken
    size = {"texts": len(texts), "tokens": sum(len(text.ids) for text in texts)}
    try:
        return model.score(texts)
    except torch.OutOfMemoryError as exc:
        failure = TooMuch(str(exc))
        log.error("out_of_memory", error=failure.told, **size)
    except Exception as exc:
        failure = Broken(f"{type(exc).__name__}: {exc}")
        log.exception("forward_failed", **size)
    # Not above: until the handler ends, the exception's traceback holds the tensors that are to be freed.
    if not (isinstance(failure, Broken) and failure.sticky) and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return failure
