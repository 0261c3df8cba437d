"""repetition: words, phrases and openings that come too often."""

from collections import Counter
from itertools import groupby
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Count, Kwargs, Positive, Verdict, checker
from services.verifier.constraints.writing.ranges import PercentRange, said, within
from services.verifier.text import Text
from services.verifier.text.english import STOP_WORDS
from services.verifier.text.units import HAN, words


class WordLimit(Kwargs):
    max: Positive
    ignore_common: bool = True
    """Leaves English function words and single Chinese characters out."""


@checker(
    "repetition:word_limit",
    WordLimit,
    lambda kw: f"Use no word more than {kw.max} times{', common words excepted' if kw.ignore_common else ''}.",
    summary="Occurrences of each word, case ignored.",
    version=2,
)
def word_limit(text: Text, kw: WordLimit) -> Verdict:
    counts = Counter(word.lower() for word in text.counted_words)
    for word, found in counts.most_common():
        if found <= kw.max:
            break
        if not (kw.ignore_common and (word in STOP_WORDS or HAN.fullmatch(word))):
            return Verdict(False, f"{word[:40]!r} occurs {found} times, at most {kw.max}")
    return Verdict(True, f"no word more than {kw.max} times")


class PhraseLimit(Kwargs):
    length: Annotated[Positive, Field(ge=2, le=20)] = 4
    max: Positive = 1


@checker(
    "repetition:phrase_limit",
    PhraseLimit,
    "Repeat no phrase of {length} words more than {max} times.",
    summary="Occurrences of every run of words (of Chinese characters), case ignored.",
    version=2,
)
def phrase_limit(text: Text, kw: PhraseLimit) -> Verdict:
    parts = [word.lower() for word in text.counted_words]
    counts = Counter(zip(*(parts[i:] for i in range(kw.length)), strict=False))
    if not counts:
        return Verdict(True, "no phrase of that length")
    phrase, found = counts.most_common(1)[0]
    return Verdict(found <= kw.max, f'"{" ".join(phrase)[:80]}" occurs {found} times, at most {kw.max}')


class OpeningsInARow(Kwargs):
    max: Count


@checker(
    "repetition:sentence_openings",
    OpeningsInARow,
    "Let at most {max} sentences in a row begin with the same word.",
    summary="First words of neighbouring sentences, case ignored.",
    version=5,
)
def sentence_openings(text: Text, kw: OpeningsInARow) -> Verdict:
    first = [
        found[0].lower()
        for sentence in text.written_sentences
        if (found := words(sentence[:30]) or words(sentence[:200]))
    ]
    longest, word = max(((sum(1 for _ in run), word) for word, run in groupby(first)), default=(0, ""))
    return Verdict(longest <= kw.max, f"{longest} sentences in a row begin with {word[:40]!r}, at most {kw.max}")


@checker(
    "repetition:variety",
    PercentRange,
    lambda kw: f"Let {said(kw)}% of the words be different words.",
    summary="Different words, of all words; case ignored.",
    version=2,
)
def variety(text: Text, kw: PercentRange) -> Verdict:
    found = [word.lower() for word in text.counted_words]
    return within(100 * len(set(found)) / len(found) if found else 0.0, kw, "of the words are different")
