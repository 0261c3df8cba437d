"""verse: stanzas, syllables, rhyme, acrostics."""

import re
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Count, Kwargs, Positive, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, allows, said, within
from services.verifier.text import Text
from services.verifier.text.rhyme import Ending, last_sounds
from services.verifier.text.syllables import syllables_of_line

_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__|《[^》\n]+》")


def _stanzas(text: Text) -> list[list[str]]:
    """Without headings and a title in bold: they are no lines of the poem."""
    parts = [[line.strip() for line in part.split("\n") if line.strip()] for part in text.blocks]
    poem = [[line for line in part if not line.startswith("#")] for part in parts]
    if len(poem) > 1 and len(poem[0]) == 1 and _BOLD.fullmatch(poem[0][0]):
        poem = poem[1:]
    return [part for part in poem if part] or parts


@checker(
    "verse:stanzas",
    Range,
    lambda kw: f"Write {said(kw)} stanzas, separated by blank lines.",
    summary="Groups of lines between blank lines.",
    version=4,
)
def stanzas(text: Text, kw: Range) -> Verdict:
    return within(len(_stanzas(text)), kw, "stanzas")


@checker(
    "verse:lines_per_stanza",
    Range,
    lambda kw: f"Let every stanza have {said(kw)} lines.",
    summary="Every stanza is within the limits; the reason names the first that is not.",
    version=4,
)
def lines_per_stanza(text: Text, kw: Range) -> Verdict:
    for i, stanza in enumerate(_stanzas(text), start=1):
        if not allows(kw, len(stanza)):
            return within(len(stanza), kw, f"lines in stanza {i}")
    return Verdict(True, f"every stanza has {said(kw)} lines")


class Syllables(Kwargs):
    pattern: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=40)]
    tolerance: Annotated[Count, Field(le=5)] = 0


@checker(
    "verse:syllables",
    Syllables,
    lambda kw: (
        f"Write lines of {'-'.join(map(str, kw.pattern))} syllables"
        + (f", {kw.tolerance} more or less" if kw.tolerance else "")
        + ("." if len(kw.pattern) == 1 else ", over and over if there are more lines.")
    ),
    summary="Syllables per line, as in 5-7-5 for a haiku; the pattern starts over until the lines end, and must end with them.",
    version=3,
)
def syllables(text: Text, kw: Syllables) -> Verdict:
    """English by dictionaries and rule, in any way in which a line can be spoken; Chinese by character."""
    lines = [line for stanza in _stanzas(text) for line in stanza]
    if not lines or len(lines) % len(kw.pattern):
        return Verdict(False, f"{len(lines)} lines do not fill a pattern of {len(kw.pattern)} lines")
    for i, line in enumerate(lines):
        wanted, (fewest, most) = kw.pattern[i % len(kw.pattern)], syllables_of_line(line)
        if not fewest - kw.tolerance <= wanted <= most + kw.tolerance:
            found = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            return Verdict(False, f"{found} syllables in line {i + 1}, {wanted} wanted")
    return Verdict(True, f"{len(lines)} lines of {'-'.join(map(str, kw.pattern))} syllables")


class RhymeScheme(Kwargs):
    scheme: Annotated[str, Field(pattern=r"^[A-Z]{2,40}$", description="One letter a line; X rhymes with nothing")]


@checker(
    "verse:rhyme_scheme",
    RhymeScheme,
    "Let every stanza rhyme as {scheme} (X: no rhyme asked).",
    summary="In every stanza lines with the same letter rhyme; different letters are not asked to differ.",
    version=4,
    unsure=True,
)
def rhyme_scheme(text: Text, kw: RhymeScheme) -> Verdict:
    """English by a pronouncing dictionary (American), words that it does not hold by their spelling; Chinese by Pinyin."""
    for number, stanza in enumerate(_stanzas(text), start=1):
        if len(stanza) != len(kw.scheme):
            return Verdict(False, f"stanza {number} has {len(stanza)} lines, the scheme {len(kw.scheme)}")
        endings: dict[str, tuple[int, Ending]] = {}
        for i, (letter, line) in enumerate(zip(kw.scheme, stanza, strict=True), start=1):
            if letter == "X":
                continue
            own = last_sounds(line)
            first, other = endings.setdefault(letter, (i, own))
            if not own.rhymes_with(other):
                return Verdict(False, f"lines {first} and {i} of stanza {number} do not rhyme")
    return Verdict(True, f"rhymes as {kw.scheme}")


class Acrostic(Kwargs):
    word: Annotated[str, Field(min_length=2, max_length=100, pattern=r"^\S+$")]
    position: Annotated[str, Field(pattern="^(first|last)$")] = "first"


@checker(
    "verse:acrostic",
    Acrostic,
    'Let the {position} letters of the lines spell "{word}".',
    summary="First (or last) letters or Chinese characters of the lines spell the word; case and punctuation are ignored.",
    version=2,
)
def acrostic(text: Text, kw: Acrostic) -> Verdict:
    letters = []
    for line in text.filled_lines:
        inner = [c for c in (line if kw.position == "first" else reversed(line)) if c.isalnum()][:1]
        letters += inner
    found = "".join(letters)
    return Verdict(found.casefold() == kw.word.casefold(), f"the lines spell {found[:60]!r}, {kw.word!r} wanted")
