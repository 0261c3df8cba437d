"""structure: sections with given titles, elements in order, beginnings and endings."""

import re
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.units import without_markup

Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=100)]
_HEADING_EDGE = re.compile(r"^[\s#*_>\-=\d.、()（）【】《》〈〉\[\]]+|[\s#*_:：\-=】》〉\]]+$")


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
    version=2,
)
def sections(text: Text, kw: Sections) -> Verdict:
    where: dict[str, int] = {}
    for i, line in enumerate(text.filled_lines):
        if len(line) <= 300:
            where.setdefault(_heading(line), i)
    places = [where.get(_heading(title), -1) for title in kw.titles]
    missing = [title for title, place in zip(kw.titles, places, strict=True) if place < 0]
    if missing:
        return Verdict(False, f"no section titled {_listed(tuple(missing))[:200]}")
    ordered = not kw.ordered or places == sorted(places)
    return Verdict(ordered, "every section found" if ordered else "the sections are in another order")


def _heading(line: str) -> str:
    return _HEADING_EDGE.sub("", line).casefold()


class Order(Kwargs):
    elements: Phrases


@checker(
    "structure:order",
    Order,
    lambda kw: f"Mention in this order: {_listed(kw.elements)}.",
    summary="Each element occurs after the first place where the one before it could stand; case is ignored.",
    version=2,
)
def order(text: Text, kw: Order) -> Verdict:
    at = 0
    for element in kw.elements:
        found = text.plain.lower().find(element.lower(), at)
        if found < 0:
            where = "after the one before it" if element.lower() in text.plain.lower() else "at all"
            return Verdict(False, f'"{element[:60]}" does not occur {where}')
        at = found + len(element.lower())
    return Verdict(True, "every element in order")


class Beginning(Kwargs):
    phrase: Phrase


@checker(
    "structure:begins_with",
    Beginning,
    'Begin with "{phrase}".',
    summary="The first characters, case ignored, outer white space and Markdown signs left out.",
    version=2,
)
def begins_with(text: Text, kw: Beginning) -> Verdict:
    start = without_markup(text.plain).lstrip()[: len(kw.phrase) + 20]
    return Verdict(start.casefold().startswith(kw.phrase.strip().casefold()), f"begins with {start[:60]!r}")


@checker(
    "structure:ends_with",
    Beginning,
    'End with "{phrase}".',
    summary="The last characters, case ignored, outer white space and Markdown emphasis left out.",
    version=2,
)
def ends_with(text: Text, kw: Beginning) -> Verdict:
    end = text.plain.strip().rstrip("*_ ")
    return Verdict(end.casefold().endswith(kw.phrase.strip().casefold()), f"ends with {end[-60:]!r}")


class ParagraphContains(Kwargs):
    paragraph: Positive
    phrase: Phrase


@checker(
    "structure:paragraph_contains",
    ParagraphContains,
    'Use "{phrase}" in paragraph {paragraph}.',
    summary="The phrase occurs in one paragraph, counted from 1; case is ignored.",
    version=2,
)
def paragraph_contains(text: Text, kw: ParagraphContains) -> Verdict:
    if len(text.paragraphs) < kw.paragraph:
        return Verdict(False, f"{len(text.paragraphs)} paragraphs, no paragraph {kw.paragraph}")
    passed = kw.phrase.casefold() in text.paragraphs[kw.paragraph - 1].casefold()
    return Verdict(passed, f'"{kw.phrase[:60]}" {"is" if passed else "is not"} in paragraph {kw.paragraph}')
