"""readability: reading level."""

from collections import Counter
from functools import lru_cache
from typing import Self

from pydantic import model_validator

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, said, within
from services.verifier.text import Text
from services.verifier.text.syllables import syllables
from services.verifier.text.units import HAN, words


class Grade(Kwargs):
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self


def _limits_of(kw: Grade) -> str:
    limits = [("at least", kw.min), ("at most", kw.max)]
    return " and ".join(f"{word} grade {limit:g}" for word, limit in limits if limit is not None)


@lru_cache(maxsize=20_000)
def _spoken(word: str) -> int:
    return max(1, syllables(word.lower()))


@checker(
    "readability:grade",
    Grade,
    lambda kw: f"Write for a reading level of {_limits_of(kw)} (Flesch-Kincaid).",
    summary="Flesch-Kincaid grade of English text: 0.39 words per sentence + 11.8 syllables per word - 15.59.",
    version=5,
)
def grade(text: Text, kw: Grade) -> Verdict:
    counts = Counter(text.counted_words)
    found = {word: n for word, n in counts.items() if word[0].isalpha() and (word.isascii() or not HAN.match(word))}
    total = sum(found.values())
    if not total:
        return Verdict(False, "no English words to measure")
    per_word = sum(n * _spoken(word) for word, n in found.items()) / total
    level = 0.39 * total / max(1, len(text.written_sentences)) + 11.8 * per_word - 15.59
    passed = (kw.min is None or level >= kw.min) and (kw.max is None or level <= kw.max)
    return Verdict(passed, f"reading level {level:.1f}, {_limits_of(kw)}")


@checker(
    "readability:average_sentence",
    Range,
    lambda kw: f"Let sentences have {said(kw)} words on average.",
    summary="Words (Chinese characters) per sentence, on average, rounded.",
    version=5,
)
def average_sentence(text: Text, kw: Range) -> Verdict:
    sentences = text.written_sentences
    average = sum(len(words(s)) for s in sentences) / len(sentences) if sentences else 0
    return within(int(average + 0.5), kw, "words per sentence on average")
