"""dialogue: speech between quotation marks, English and Chinese."""

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import PercentRange, Range, said, within
from services.verifier.text import Text
from services.verifier.text.units import words

_SAID = "Speech in quotation marks of any style, behind a dash at a line's start, or behind a speaker's name in a script; quoted terms are none."


def speeches(text: Text) -> list[str]:
    """What characters say, with its marks."""
    return [text.plain[start:end] for start, end in text.speeches]


def narration_of(text: Text) -> str:
    """The text without its speeches."""
    parts, position = [], 0
    for start, end in text.speeches:
        parts.append(text.plain[position:start])
        position = end
    return " ".join([*parts, text.plain[position:]])


@checker(
    "dialogue:count",
    Range,
    lambda kw: f"Let characters speak {said(kw)} times, in quotation marks.",
    summary=_SAID,
    version=2,
)
def count(text: Text, kw: Range) -> Verdict:
    return within(len(speeches(text)), kw, "speeches")


@checker(
    "dialogue:none",
    NoKwargs,
    "Write without any dialogue.",
    summary="No speech: " + _SAID[0].lower() + _SAID[1:],
    version=2,
)
def none(text: Text, kw: NoKwargs) -> Verdict:
    found = speeches(text)
    return Verdict(not found, f"dialogue: {found[0][:60]!r}" if found else "no dialogue")


@checker(
    "dialogue:share",
    PercentRange,
    lambda kw: f"Let dialogue make up {said(kw)}% of the words.",
    summary="Words that characters speak, of all words.",
    version=2,
)
def share(text: Text, kw: PercentRange) -> Verdict:
    total = len(text.counted_words)
    spoken = sum(len(words(speech)) for speech in speeches(text))
    return within(min(100.0, 100 * spoken / total) if total else 0.0, kw, "of the words are dialogue")
