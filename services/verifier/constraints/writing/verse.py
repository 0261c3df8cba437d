"""verse: stanzas, syllables, rhyme, acrostics."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Count, Kwargs, Positive, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, allows, said, within
from services.verifier.text import Text
from services.verifier.text.rhyme import Ending, last_sounds
from services.verifier.text.syllables import syllables_of_line

_POET = re.compile(r"(?:[—–-]{1,2}|by\b|文/|作者[:：]) ?[^.!?,;。！？，；]{2,60}")
_COUNTER = re.compile(r"[\[(*]{0,2}(?:[IVX]{1,5}|\d{1,2}|[一二三四五六七八九十]{1,3})[.)\]*、]{0,2}|(?:[*~#•-] ?){1,5}")
_TITLE = re.compile(r"[^.!?,;:。！？，；：]{1,50}")
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__|《[^》\n]+》")


def _readings(text: Text) -> list[list[list[str]]]:
    """Lines by stanza, in the ways in which the text can be read. Headings, a title in bold and the poet's name are no lines of the poem; a
    first line that stands alone may be its title, and may be a stanza."""
    parts = [[line.strip() for line in part.split("\n") if line.strip()] for part in text.blocks]
    poem = [[line for line in part if not line.startswith("#")] for part in parts]
    poem = [part for part in poem if not (len(part) == 1 and _COUNTER.fullmatch(part[0]))] or poem
    if len(poem) > 1 and len(poem[0]) == 1 and _BOLD.fullmatch(poem[0][0]):
        poem = poem[1:]
    if len(poem) > 1 and len(poem[-1]) == 1 and _POET.fullmatch(poem[-1][0]):
        poem = poem[:-1]
    poem = [part for part in poem if part] or parts
    titled = (
        len(poem) > 1 and len(poem[0]) == 1 and _TITLE.fullmatch(poem[0][0]) and all(len(part) > 1 for part in poem[1:])
    )
    return [poem, poem[1:]] if titled else [poem]


def _in_any_reading(text: Text, test: Callable[[list[list[str]]], Verdict]) -> Verdict:
    """A violation only where every reading is one."""
    verdicts = [test(poem) for poem in _readings(text)]
    return next((verdict for verdict in verdicts if verdict.passed), verdicts[0])


@checker(
    "verse:stanzas",
    Range,
    lambda kw: f"Write {said(kw)} stanzas, separated by blank lines.",
    summary="Groups of lines between blank lines.",
    version=5,
)
def stanzas(text: Text, kw: Range) -> Verdict:
    return _in_any_reading(text, lambda poem: within(len(poem), kw, "stanzas"))


@checker(
    "verse:lines_per_stanza",
    Range,
    lambda kw: f"Let every stanza have {said(kw)} lines.",
    summary="Every stanza is within the limits; the reason names the first that is not.",
    version=5,
)
def lines_per_stanza(text: Text, kw: Range) -> Verdict:
    return _in_any_reading(text, lambda poem: _lines_within(poem, kw))


def _lines_within(poem: list[list[str]], kw: Range) -> Verdict:
    for i, stanza in enumerate(poem, start=1):
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
    version=4,
)
def syllables(text: Text, kw: Syllables) -> Verdict:
    """English by dictionaries and rule, in any way in which a line can be spoken; Chinese by character."""
    return _in_any_reading(text, lambda poem: _has_syllables([line for stanza in poem for line in stanza], kw))


def _has_syllables(lines: list[str], kw: Syllables) -> Verdict:
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
    version=5,
    unsure=True,
)
def rhyme_scheme(text: Text, kw: RhymeScheme) -> Verdict:
    """English by a pronouncing dictionary (American), words that it does not hold by their spelling; Chinese by Pinyin."""
    return _in_any_reading(text, lambda poem: _rhymes(poem, kw))


def _rhymes(poem: list[list[str]], kw: RhymeScheme) -> Verdict:
    for number, stanza in enumerate(poem, start=1):
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
