"""A policy's texts before and after training, by signals that the training never saw, and side by side for a reader.

The held-back signal is a naive Bayes classifier (words and pairs of neighbors; add-one smoothing) of strong answers against weak ones:
another kind of model than the reward model, and no reward of any run. It says how near a text's words are to the strong ones', not how
good it is.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from services.verifier.accuracy.wilson import wilson
from trainer.data.pairs import Answer
from trainer.study.measures import commonest_phrase, distinct_n, ngrams, sibling_overlap, words


class WordClassifier:
    """P(strong) of a text by its words, with equal weight to both classes."""

    def __init__(self, strong: Sequence[str], weak: Sequence[str]) -> None:
        self._counts = [Counter(f for text in texts for f in _features(text)) for texts in (strong, weak)]
        size = len(set(self._counts[0]) | set(self._counts[1]))
        self._totals = [sum(counts.values()) + size for counts in self._counts]

    def log_odds(self, text: str) -> float:
        """Mean over the text's features, so that length does not add up."""
        found = _features(text)
        terms = (
            math.log((self._counts[0][f] + 1) / self._totals[0]) - math.log((self._counts[1][f] + 1) / self._totals[1])
            for f in found
        )
        return sum(terms) / len(found) if found else 0.0


def _features(text: str) -> list[tuple[str, ...]]:
    return [*ngrams(text, 1), *ngrams(text, 2)]


def held_back(strong: Sequence[Answer], weak: Sequence[Answer]) -> tuple[WordClassifier, float]:
    """The classifier, learnt on half of the prompts, and its balanced accuracy on the other half."""

    def half(answers: Sequence[Answer], which: int) -> list[str]:
        return [a.text for a in answers if hashlib.sha256(a.prompt[-1].content.encode()).digest()[0] % 2 == which]

    made = WordClassifier(half(strong, 0), half(weak, 0))
    right = [
        sum((made.log_odds(text) > 0) == good for text in texts) / max(1, len(texts))
        for texts, good in ((half(strong, 1), True), (half(weak, 1), False))
    ]
    return made, sum(right) / 2


@dataclass(frozen=True)
class Described:
    responses: int
    mean_words: float
    distinct_2: float
    sibling_overlap: float
    """0 (nothing in common) to 1, mean over the prompts."""
    commonest_phrase: str
    commonest_share: float
    taken_for_strong: float | None
    """Share of texts by the held-back classifier, with its 95 % Wilson interval."""
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def describe(answers: Sequence[Answer], classifier: WordClassifier | None) -> Described:
    texts = [answer.text for answer in answers]
    groups = by_prompt(answers)
    siblings = [sibling_overlap(own) for own in groups.values() if len(own) > 1]
    phrase, share = commonest_phrase(texts)
    strong = sum(classifier.log_odds(text) > 0 for text in texts) if classifier else None
    low, high = wilson(strong, len(texts)) if strong is not None else (None, None)
    return Described(
        responses=len(texts),
        mean_words=sum(len(words(text)) for text in texts) / len(texts),
        distinct_2=distinct_n(texts),
        sibling_overlap=sum(siblings) / len(siblings) if siblings else 0.0,
        commonest_phrase=phrase,
        commonest_share=share,
        taken_for_strong=strong / len(texts) if strong is not None else None,
        low=low,
        high=high,
    )


def by_prompt(answers: Sequence[Answer]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for answer in answers:
        found.setdefault(answer.prompt[-1].content, []).append(answer.text)
    return found


def side_by_side(before: Sequence[Answer], after: Sequence[Answer], count: int = 10) -> str:
    """Markdown: the first answer to each of `count` prompts, spread over the file, before and after; not chosen by hand."""
    old, new = by_prompt(before), by_prompt(after)
    both = [prompt for prompt in old if prompt in new]
    chosen = both[:: max(1, len(both) // count)][:count]
    parts = []
    for i, prompt in enumerate(chosen, 1):
        parts.append(f"### {i}. {' '.join(prompt.split())}\n")
        parts += [f"**{label}**\n\n{_quoted(texts[prompt][0])}\n" for label, texts in (("before", old), ("after", new))]
    return "\n".join(parts)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.strip().splitlines())
