"""similarity: how much a text takes over from another."""

from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Phrase, Positive, Verdict, checker
from services.verifier.constraints.writing.ranges import Percent, PercentRange, said, within
from services.verifier.text import Text
from services.verifier.text.units import words

RunLength = Annotated[Positive, Field(le=20)]
"""Words. The memory of all runs of a text grows with their length."""


def _runs(text: list[str], length: int) -> set[tuple[str, ...]]:
    return set(zip(*(text[i:] for i in range(length)), strict=False))


def _shared(ours: list[str], theirs: list[str], length: int) -> float:
    """Percent of our different runs of words that the other text has too."""
    own = _runs(ours, length)
    return 100 * len(own & _runs(theirs, length)) / len(own) if own else 0.0


class ToText(PercentRange):
    reference: Phrase
    run: RunLength = 2


@checker(
    "similarity:to_text",
    ToText,
    lambda kw: f"Let {said(kw)}% of the runs of {kw.run} words occur in this text too: {kw.reference}",
    summary="Share of the response's different runs of words (Chinese characters) that the reference has too; case ignored.",
    version=3,
)
def to_text(text: Text, kw: ToText) -> Verdict:
    ours, theirs = ([w.lower() for w in found] for found in (text.counted_words, words(kw.reference)))
    return within(_shared(ours, theirs, kw.run), kw, f"of the runs of {kw.run} words are in the reference")


class ToPrompt(Kwargs):
    max: Percent
    run: RunLength = 4


@checker(
    "similarity:to_prompt",
    ToPrompt,
    "Let at most {max:g}% of the text repeat the request's own wording.",
    summary="Share of the response's different runs of words that the prompt has too: guards against echoing it.",
    version=3,
)
def to_prompt(text: Text, kw: ToPrompt) -> Verdict:
    ours, theirs = ([w.lower() for w in found] for found in (text.counted_words, words(text.prompt)))
    found = _shared(ours, theirs, kw.run)
    return Verdict(
        found <= kw.max, f"{found:.1f}% of the runs of {kw.run} words are in the prompt, at most {kw.max:g}%"
    )
