"""dialogue: speech between quotation marks, English and Chinese."""

import re

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import PercentRange, Range, said, within
from services.verifier.text import Text
from services.verifier.text.units import words

# Within one line: straight or curly double quotes, corner brackets, guillemets.
_SPEECH = re.compile(r"\"[^\"\n]+\"|“[^“”\n]+”|「[^「」\n]+」|『[^『』\n]+』|«[^«»\n]+»")
_DASH_SPEECH = re.compile(r"^[^\S\n]*[—–][^\S\n]*\S[^\n]*$", re.MULTILINE)


def speeches(text: Text) -> list[str]:
    """Quoted passages with their marks, and lines that begin with a long dash."""
    return _SPEECH.findall(text.raw) + _DASH_SPEECH.findall(text.raw)


def narration_of(text: Text) -> str:
    """The text without its speeches."""
    return _DASH_SPEECH.sub(" ", _SPEECH.sub(" ", text.raw))


@checker(
    "dialogue:count",
    Range,
    lambda kw: f"Let characters speak {said(kw)} times, in quotation marks.",
    summary="Passages in quotation marks, or lines that begin with a long dash.",
)
def count(text: Text, kw: Range) -> Verdict:
    return within(len(speeches(text)), kw, "speeches")


@checker(
    "dialogue:none",
    NoKwargs,
    "Write without any dialogue.",
    summary="No passage in quotation marks and no line that begins with a long dash.",
)
def none(text: Text, kw: NoKwargs) -> Verdict:
    found = speeches(text)
    return Verdict(not found, f"dialogue: {found[0][:60]!r}" if found else "no dialogue")


@checker(
    "dialogue:share",
    PercentRange,
    lambda kw: f"Let dialogue make up {said(kw)}% of the words.",
    summary="Words within quotation marks, of all words.",
)
def share(text: Text, kw: PercentRange) -> Verdict:
    total = len(text.counted_words)
    spoken = sum(len(words(speech)) for speech in speeches(text))
    return within(min(100.0, 100 * spoken / total) if total else 0.0, kw, "of the words are dialogue")
