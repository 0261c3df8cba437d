"""structure: sections with given titles, elements in order, beginnings and endings."""

import re
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.units import without_markup

Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=100)]
_EDGES = ' \t\u3000#*_>-=~•●◦‣▪■◆◇★☆·○▶►※➤✓✔【】《》〈〉「」『』[]()（）<>"“”|'
_COUNTED = "一二三四五六七八九十百零〇"
_UNIT = "section|chapter|part|act|scene|step|stage|phase|day|lesson|book|volume|stanza|verse|paragraph|appendix|article"
_NUMBER_WORD = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
# How headings are numbered: 第一章, Section 2, 1.2, (3), 一、 IV. b) ①
_NUMBERED = re.compile(
    rf"(?P<unit>第[{_COUNTED}\d]{{1,6}}(?:部分|[章节節部回幕卷篇条條步])|(?:{_UNIT}) (?:\d{{1,3}}|[ivxlc]{{1,7}}|{_NUMBER_WORD}|[a-z])\b)"
    rf"|(?:\d{{1,3}}(?:\.\d{{1,3}})*|[{_COUNTED}]{{1,4}}|[ivxlc]{{1,7}}|[a-z])(?:[)）.、．:：]|(?<=\d)(?=\s))|[①-⑳⑴-⒇㈠-㈩]"
)
_STRAIGHT = str.maketrans("“”‘’", "\"\"''")


_OPENING = "\"'“‘「『《«"
_CLOSING = "*_ \"'”’」』》»"


def _plain(text: str) -> str:
    """For comparison: case and the form of quotation marks make no difference."""
    return text.translate(_STRAIGHT).casefold()


def _listed(phrases: tuple[str, ...]) -> str:
    return ", ".join(f'"{p}"' for p in phrases)


class Sections(Kwargs):
    titles: Phrases
    ordered: bool = True


@checker(
    "structure:sections",
    Sections,
    lambda kw: f"Divide the text into sections titled {_listed(kw.titles)}{', in this order' if kw.ordered else ''}.",
    summary="Each title stands on a line of its own; numbering, Markdown signs, brackets and a colon round it are ignored, and case.",
    version=3,
)
def sections(text: Text, kw: Sections) -> Verdict:
    where: dict[str, list[int]] = {}
    for i, line in enumerate(text.filled_lines):
        if len(line) <= 300:
            for heading in _headings(line):
                where.setdefault(heading, []).append(i)
    places = [where.get(_plain(title).strip(_EDGES).rstrip(":： "), []) for title in kw.titles]
    missing = [title for title, found in zip(kw.titles, places, strict=True) if not found]
    if missing:
        return Verdict(False, f"no section titled {_listed(tuple(missing))[:200]}")
    at = -1
    for title, found in zip(kw.titles, places, strict=True):
        at = next((place for place in found if place > at), -1) if kw.ordered else 0
        if at < 0:
            return Verdict(
                False, f'the sections are in another order: "{title[:60]}" does not come after the one before it'
            )
    return Verdict(True, "every section found")


def _headings(line: str) -> set[str]:
    """What a line may be the heading of: all of it, without its numbering, and what stands before a colon."""
    rest = _plain(line).strip(_EDGES)
    found = {rest.rstrip(":： ")}
    for _ in range(2):
        numbered = _NUMBERED.match(rest)
        if numbered is None:
            break
        if numbered["unit"]:
            found.add(numbered["unit"])
        rest = rest[numbered.end() :].lstrip(" \t\u3000:：.、-–—)）").strip(_EDGES)
        found.add(rest.rstrip(":： "))
    for colon in ":：":
        before, sign, _ = rest.partition(colon)
        if sign and len(before) <= 60:
            found.add(before.strip(_EDGES))
    found.discard("")
    return found


class Order(Kwargs):
    elements: Phrases


@checker(
    "structure:order",
    Order,
    lambda kw: f"Mention in this order: {_listed(kw.elements)}.",
    summary="Each element occurs after the first place where the one before it could stand; case is ignored.",
    version=3,
)
def order(text: Text, kw: Order) -> Verdict:
    at, lower = 0, _plain(text.plain)
    for element in map(_plain, kw.elements):
        found = lower.find(element, at)
        if found < 0:
            where = "after the one before it" if element in lower else "at all"
            return Verdict(False, f'"{element[:60]}" does not occur {where}')
        at = found + len(element)
    return Verdict(True, "every element in order")


class Beginning(Kwargs):
    phrase: Phrase


@checker(
    "structure:begins_with",
    Beginning,
    'Begin with "{phrase}".',
    summary="The first characters, case ignored, outer white space and Markdown signs left out.",
    version=3,
)
def begins_with(text: Text, kw: Beginning) -> Verdict:
    start = without_markup(text.plain[: 2 * len(kw.phrase) + 200]).lstrip()
    wanted = _plain(kw.phrase.strip())
    found = _plain(start).startswith(wanted) or _plain(start.lstrip(_OPENING)).startswith(wanted.lstrip(_OPENING))
    return Verdict(found, f"begins with {start[:60]!r}")


@checker(
    "structure:ends_with",
    Beginning,
    'End with "{phrase}".',
    summary="The last characters, case ignored, outer white space and Markdown emphasis left out.",
    version=3,
)
def ends_with(text: Text, kw: Beginning) -> Verdict:
    tail = without_markup(text.plain.rstrip()[-2 * len(kw.phrase) - 200 :])
    end, wanted = tail.rstrip(_CLOSING), without_markup(kw.phrase).rstrip().rstrip(_CLOSING)
    passed = bool(wanted) and _plain(end).endswith(_plain(wanted.strip()))
    return Verdict(passed, f"ends with {end[-60:]!r}")


class ParagraphContains(Kwargs):
    paragraph: Positive
    phrase: Phrase


@checker(
    "structure:paragraph_contains",
    ParagraphContains,
    'Use "{phrase}" in paragraph {paragraph}.',
    summary="The phrase occurs in one paragraph, counted from 1; case is ignored.",
    version=3,
)
def paragraph_contains(text: Text, kw: ParagraphContains) -> Verdict:
    if len(text.paragraphs) < kw.paragraph:
        return Verdict(False, f"{len(text.paragraphs)} paragraphs, no paragraph {kw.paragraph}")
    passed = _plain(kw.phrase) in _plain(text.paragraphs[kw.paragraph - 1])
    return Verdict(passed, f'"{kw.phrase[:60]}" {"is" if passed else "is not"} in paragraph {kw.paragraph}')
