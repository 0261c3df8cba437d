"""length: words, characters, sentences, paragraphs, lines, between limits."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from services.verifier.constraints.registry import Kwargs, Positive, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, a_number, allows, given_in_order, said, within
from services.verifier.text import Text, units
from services.verifier.text.units import HAN

Minutes = Annotated[float, BeforeValidator(a_number), Field(gt=0, le=10_000, allow_inf_nan=False)]


@checker(
    "length:words",
    Range,
    lambda kw: f"Write {said(kw)} words (a Chinese character counts as one).",
    summary='Words as writers count them: "don\'t" is one, "well-known" is one, each Chinese character is one.',
    version=3,
)
def words(text: Text, kw: Range) -> Verdict:
    return within(len(text.counted_words), kw, "words")


class Characters(Range):
    spaces: bool = False
    """Whether white space counts."""


@checker(
    "length:characters",
    Characters,
    lambda kw: f"Write {said(kw)} characters, white space {'included' if kw.spaces else 'not counted'}.",
    summary="Characters, punctuation included, outer white space never counted.",
    version=2,
)
def characters(text: Text, kw: Characters) -> Verdict:
    found = len(text.plain.strip()) if kw.spaces else sum(map(len, text.plain.split()))
    return within(found, kw, "characters")


class Aloud(Kwargs):
    """At least one limit; both are included."""

    min: Minutes | None = None
    max: Minutes | None = None
    words_per_minute: Positive = 150
    characters_per_minute: Positive = 240
    """Of Chinese."""

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        given_in_order(self)
        return self


_PACE = 0.2
"""People read a fifth slower or faster than the usual pace."""


@checker(
    "length:minutes_aloud",
    Aloud,
    lambda kw: f"Let it take {said(kw)} minutes to read aloud.",
    summary="Minutes to read it aloud at 150 English words or 240 Chinese characters a minute, a fifth slower or faster allowed.",
)
def minutes_aloud(text: Text, kw: Aloud) -> Verdict:
    chinese = sum(HAN.match(word) is not None for word in text.counted_words)
    usual = chinese / kw.characters_per_minute + (len(text.counted_words) - chinese) / kw.words_per_minute
    passed = (kw.min is None or usual * (1 + _PACE) >= kw.min) and (kw.max is None or usual * (1 - _PACE) <= kw.max)
    return Verdict(passed, f"some {usual:.1f} minutes aloud, {said(kw)}")


@checker(
    "length:sentences",
    Range,
    lambda kw: f"Write {said(kw)} sentences.",
    summary="Sentences of English or Chinese.",
    version=5,
    unsure=True,
)
def sentences(text: Text, kw: Range) -> Verdict:
    return within(len(text.written_sentences), kw, "sentences")


@checker(
    "length:paragraphs",
    Range,
    lambda kw: f"Write {said(kw)} paragraphs, separated by blank lines.",
    summary="Parts between blank lines.",
    version=4,
)
def paragraphs(text: Text, kw: Range) -> Verdict:
    return within(len(text.paragraphs), kw, "paragraphs")


@checker("length:lines", Range, lambda kw: f"Write {said(kw)} lines.", summary="Lines that are not blank.", version=2)
def lines(text: Text, kw: Range) -> Verdict:
    return within(len(text.filled_lines), kw, "lines")


@checker(
    "length:words_per_sentence",
    Range,
    lambda kw: f"Let every sentence have {said(kw)} words.",
    summary="Every sentence is within the limits; the reason names the first that is not.",
    version=5,
)
def words_per_sentence(text: Text, kw: Range) -> Verdict:
    return _each(text.written_sentences, kw, "sentence")


@checker(
    "length:words_per_paragraph",
    Range,
    lambda kw: f"Let every paragraph have {said(kw)} words.",
    summary="Every paragraph is within the limits; the reason names the first that is not.",
    version=4,
)
def words_per_paragraph(text: Text, kw: Range) -> Verdict:
    return _each(text.paragraphs, kw, "paragraph")


def _each(parts: list[str], kw: Range, kind: str) -> Verdict:
    for i, part in enumerate(parts, start=1):
        found = len(units.words(part))
        if not allows(kw, found):
            return within(found, kw, f"words in {kind} {i}")
    return Verdict(True, f"every {kind} has {said(kw)} words")
