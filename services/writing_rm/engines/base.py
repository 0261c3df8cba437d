"""The contract between the scheduler and an engine."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlmr.wire import Status
from services.writing_rm.engines.usable import Usable


@dataclass(frozen=True)
class Text:
    """One text to score: its token ids, and a key equal for all responses to one prompt."""

    ids: tuple[int, ...]
    group: Hashable


@dataclass(frozen=True)
class Failure:
    """Why a text has no score. Never `ok`."""

    status: Status
    reason: str


@dataclass(frozen=True)
class Lost(Failure):
    """The call failed, which says little about this text. Scoring is safe to repeat, so the text may be put back."""

    suspect: bool = True
    """Whether this text may be what broke the engine; False if the engine never had it, or was overloaded."""


Outcome = float | Failure
"""The raw scalar, always finite, or why there is none."""


class Engine(Protocol):
    max_batch_tokens: int
    """Tokens per call of `score`; one longer text may come alone."""
    slots: int
    """Calls of `score` that may run at the same time."""
    mixes_prompts: bool
    """Whether one call may hold texts of several prompts; False keeps each call to one group, for the engine's own cache."""
    share_prefixes: bool
    """Whether texts of one prompt in one call cost their common prefix only once."""
    usable: Usable
    """While it says no, nothing is sent; what waits goes on waiting."""

    @property
    def identity(self) -> str:
        """What runs: engine, version, dtype, device; goes into every reply."""

    @property
    def max_tokens(self) -> int | None:
        """Longest text it can take; None = no limit of its own."""

    async def start(self) -> None:
        """Load or connect, and warm up. Raises if it can never work."""

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        """One outcome per text, in order; Lost where a repeat may help. A bad text fails alone; only a bug raises."""

    def problems(self) -> list[str]:
        """Why it cannot answer now; empty when it can."""

    def remarks(self) -> list[str]:
        """What somebody should look at although it answers; for readiness and the log."""

    def details(self) -> dict[str, Any]:
        """What /v1/info tells of it beyond its identity."""

    async def stop(self) -> None:
        """Release everything."""
