"""Readiness by golden scores: an engine answers only after it has reproduced scores that are known.

A random head bias, a softmax or sigmoid over the one label, a missing chat template, other weights: each shows here at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.model.manifest import RewardModelManifest
from services.writing_rm.model.text_form import TextEncoder

ScoreTexts = Callable[[Sequence[Text]], Awaitable[list[Outcome]]]


@dataclass(frozen=True)
class GoldenReport:
    largest_error: float
    """Largest deviation from a golden score, in standard deviations; infinity if a text has no score."""
    problems: list[str]
    """One line per golden text that is off; empty = the engine may answer."""


class GoldenCheck:
    def __init__(self, manifest: RewardModelManifest, encoder: TextEncoder, tolerance: float) -> None:
        """tolerance: in standard deviations. Raises ManifestError if a golden text no longer has its length in tokens."""
        self.manifest, self.tolerance = manifest, tolerance
        self.texts = [Text(tuple(encoder.encode(g.prompt, g.response)), ("golden", g.id)) for g in manifest.golden]
        self.changed = [
            f"golden text {g.id!r} has {len(t.ids)} tokens, {g.tokens} at export: the tokenizer or chat template differs"
            for g, t in zip(manifest.golden, self.texts, strict=True)
            if len(t.ids) != g.tokens
        ]

    async def run(self, score: ScoreTexts, max_batch_tokens: int) -> GoldenReport:
        """Scores the golden texts in calls of at most `max_batch_tokens` and compares."""
        if self.changed:
            return GoldenReport(float("inf"), self.changed)
        outcomes: list[Outcome] = []
        for batch in _batches(self.texts, max_batch_tokens):
            outcomes += await score(batch)
        largest, problems = 0.0, []
        for golden, outcome in zip(self.manifest.golden, outcomes, strict=True):
            if isinstance(outcome, Failure):
                largest = float("inf")
                problems.append(f"golden text {golden.id!r}: {outcome.status}: {outcome.reason}")
                continue
            error = abs(outcome - golden.raw) / self.manifest.standardisation.std
            largest = max(largest, error)
            if not error <= self.tolerance:
                problems.append(
                    f"golden text {golden.id!r}: raw score {outcome:.5g}, known to be {golden.raw:.5g}: "
                    f"{error:.3g} standard deviations off, {self.tolerance:g} allowed"
                )
        return GoldenReport(largest, problems)


def _batches(texts: Sequence[Text], max_tokens: int) -> list[list[Text]]:
    batches: list[list[Text]] = [[]]
    for text in texts:
        if batches[-1] and sum(len(t.ids) for t in batches[-1]) + len(text.ids) > max_tokens:
            batches.append([])
        batches[-1].append(text)
    return batches
