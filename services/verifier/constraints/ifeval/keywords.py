"""keywords: words that must, must not, or must often occur. Keywords are literal text; the reference reads them as patterns."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import MAX_SPANS, Count, Kwargs, Relation, Verdict, checker
from services.verifier.text import Text

Keyword = Annotated[str, Field(min_length=1, max_length=100)]
"""A search that ignores the case of any script takes the product of both lengths on hostile text."""
Keywords = Annotated[tuple[Keyword, ...], Field(min_length=1, max_length=200)]


@lru_cache(maxsize=4096)
def _anywhere(keyword: str) -> re.Pattern[str]:
    return re.compile(re.escape(keyword), re.IGNORECASE)


@lru_cache(maxsize=4096)
def _as_word(keyword: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(keyword)}\b", re.IGNORECASE)


def _count(text: Text, keyword: str) -> int:
    """Occurrences in any case, also inside longer words."""
    if keyword.isascii() and text.folds_plainly:
        return text.lower.count(keyword.lower())
    return len(_anywhere(keyword).findall(text.raw))


def _has_word(text: Text, word: str) -> bool:
    """Whether it occurs as a whole word, in any case. The quick test comes first: most forbidden words do not occur at all."""
    if word.isascii() and text.folds_plainly and word.lower() not in text.lower:
        return False
    return _as_word(word).search(text.raw) is not None


def _places(text: Text, patterns: Iterable[re.Pattern[str]]) -> tuple[tuple[int, int], ...]:
    """The first of each pattern's occurrences, in the order of the text."""
    found = (m.span() for pattern in patterns for m in islice(pattern.finditer(text.raw), MAX_SPANS))
    return tuple(sorted(found)[:MAX_SPANS])


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{w}"' for w in words)


class Existence(Kwargs):
    keywords: Keywords


@checker(
    "keywords:existence",
    Existence,
    lambda kw: f"Use each of these keywords: {_quoted(kw.keywords)}.",
    summary="Every keyword occurs, in any case, also inside a longer word.",
    version=2,
)
def existence(text: Text, kw: Existence) -> Verdict:
    missing = [word for word in kw.keywords if not _count(text, word)]
    return Verdict(not missing, f"missing: {', '.join(missing)}" if missing else "every keyword found")


class ForbiddenWords(Kwargs):
    forbidden_words: Keywords


@checker(
    "keywords:forbidden_words",
    ForbiddenWords,
    lambda kw: f"Do not use any of these words: {_quoted(kw.forbidden_words)}.",
    summary="None of the words occurs as a whole word, in any case.",
    version=2,
)
def forbidden_words(text: Text, kw: ForbiddenWords) -> Verdict:
    found = [word for word in kw.forbidden_words if _has_word(text, word)]
    if not found:
        return Verdict(True, "no forbidden word")
    return Verdict(False, f"forbidden: {', '.join(found)}", _places(text, map(_as_word, found)))


class Frequency(Kwargs):
    keyword: Keyword
    frequency: Count
    relation: Relation


@checker(
    "keywords:frequency",
    Frequency,
    'Use the word "{keyword}" {relation} {frequency} times.',
    summary="Occurrences in any case, also inside longer words.",
    version=2,
)
def frequency(text: Text, kw: Frequency) -> Verdict:
    found = _count(text, kw.keyword.strip())
    passed = found < kw.frequency if kw.relation == "less than" else found >= kw.frequency
    too_often = () if passed or kw.relation != "less than" else _places(text, [_anywhere(kw.keyword.strip())])
    return Verdict(passed, f'"{kw.keyword}" occurs {found} times, {kw.relation} {kw.frequency} wanted', too_often)


class LetterFrequency(Kwargs):
    letter: Annotated[str, Field(min_length=1, max_length=1)]
    let_frequency: Count
    let_relation: Relation


@checker(
    "keywords:letter_frequency",
    LetterFrequency,
    'Use the letter "{letter}" {let_relation} {let_frequency} times.',
    summary="Occurrences of one character, small and capital together.",
)
def letter_frequency(text: Text, kw: LetterFrequency) -> Verdict:
    found = text.lower.count(kw.letter.lower())
    passed = found < kw.let_frequency if kw.let_relation == "less than" else found >= kw.let_frequency
    return Verdict(passed, f'"{kw.letter}" occurs {found} times, {kw.let_relation} {kw.let_frequency} wanted')
