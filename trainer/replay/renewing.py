"""Stored responses judged again by other services: a newer reward model, a newer verifier. Nothing is generated."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from rlmr.client import AsyncRlmrClient, RlmrError
from rlmr.wire import PolicyFault, RewardGroup
from services.aggregator.faults import as_violations, policy_faults
from services.aggregator.signals import Signals, Verdict, Writing, verdict_of, writing_of
from services.aggregator.together import all_of
from trainer.replay.stored import NotReplayable, StoredGroup

AT_ONCE = 16


@dataclass
class Renewal:
    """Asks about every group that passes through, and counts what they now say otherwise. What is not asked stays as it was stored."""

    writing_rm: str | None = None
    verifier: str | None = None
    revisions: dict[str, str] = field(default_factory=dict)
    """By service, of those that answered."""
    verdicts: int = 0
    """Samples with a verdict then and now."""
    other_verdict: int = 0
    scores: int = 0
    score_change: float = 0.0
    """Sum of absolute changes of the writing reward, over `scores` samples with one then and now."""

    def __call__(self, groups: Iterator[StoredGroup]) -> Iterator[StoredGroup]:
        """In order. Raises NotReplayable where a service cannot be asked."""
        with asyncio.Runner() as runner:
            while batch := list(islice(groups, AT_ONCE)):
                for old, new in zip(batch, runner.run(self._batch(batch)), strict=True):
                    self._count(old.signals, new.signals)
                    yield new

    async def _batch(self, groups: list[StoredGroup]) -> list[StoredGroup]:
        return await all_of([self._one(group) for group in groups])

    async def _one(self, group: StoredGroup) -> StoredGroup:
        asked = group.question
        if asked is None:
            raise NotReplayable(f"group {group.prompt_id}: the ledger does not say what was asked")
        body = {"id": "g", "prompt": asked.messages, "responses": group.texts}
        writing: list[Writing] | None = group.signals.writing
        verdicts: list[Verdict] | None = group.signals.verdicts
        if self.writing_rm is not None:
            async with AsyncRlmrClient(self.writing_rm) as client:
                try:
                    scored = await client.score_groups([body])
                except RlmrError as exc:
                    raise NotReplayable(f"--writing-rm {self.writing_rm}: {exc}") from exc
            self.revisions["writing_rm"] = scored.model.revision
            writing = [writing_of(result) for result in scored.groups[0].results]
        if self.verifier is not None:
            async with AsyncRlmrClient(self.verifier) as client:
                try:
                    verified = await client.verify_groups([{**body, "constraints": asked.constraints}])
                except RlmrError as exc:
                    raise NotReplayable(f"--verifier {self.verifier}: {exc}") from exc
            self.revisions["verifier"] = verified.verifier.revision
            verdicts = [verdict_of(result) for result in verified.groups[0].results]
        given = Signals(writing, verdicts)
        whole = RewardGroup.model_construct(
            id="g", prompt=asked.messages, constraints=None, responses=group.texts, finished=asked.finished
        )
        signals = as_violations(given, policy_faults(whole, given, frozenset(PolicyFault)))
        failed = [v.reasons for v in signals.verdicts] if signals.verdicts else group.failed
        spans = [v.spans for v in signals.verdicts] if signals.verdicts else group.spans
        return replace(group, signals=signals, failed=failed, spans=spans)

    def _count(self, old: Signals, new: Signals) -> None:
        for then, now in zip(old.verdicts or (), new.verdicts or (), strict=False):
            if then.passed is not None and now.passed is not None:
                self.verdicts += 1
                self.other_verdict += then.passed != now.passed
        for before, after in zip(old.writing or (), new.writing or (), strict=False):
            if before.score is not None and after.score is not None:
                self.scores += 1
                self.score_change += abs(before.score - after.score)

    def told(self) -> str:
        """`verifier rules-2: 3 of 480 verdicts differ; ...`."""
        parts = []
        if "verifier" in self.revisions:
            parts.append(
                f"verifier {self.revisions['verifier']}: {self.other_verdict} of {self.verdicts} verdicts differ"
            )
        if "writing_rm" in self.revisions:
            mean = self.score_change / self.scores if self.scores else 0.0
            parts.append(f"writing-rm {self.revisions['writing_rm']}: writing rewards differ by {mean:.4f} on average")
        return "; ".join(parts)
