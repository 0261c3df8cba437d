"""structure: sections with given titles, elements in order, beginnings and endings."""

from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.outline import EDGES, straight, titles_of
from services.verifier.text.units import without_markup

Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=100)]
_OPENING = "\"'“‘「『《«"
_CLOSING = "*_ \"'”’」』》»"


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
    version=5,
    unsure=True,
)
def sections(text: Text, kw: Sections) -> Verdict:
    where: dict[str, list[int]] = {}
    for i, line in enumerate(text.filled_lines):
        if len(line) <= 300:
            for heading in titles_of(line):
                where.setdefault(heading, []).append(i)
    places = [where.get(straight(title).strip(EDGES).rstrip(":： "), []) for title in kw.titles]
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
    at, lower = 0, straight(text.plain)
    for element in map(straight, kw.elements):
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
    wanted = straight(kw.phrase.strip())
    found = straight(start).startswith(wanted) or straight(start.lstrip(_OPENING)).startswith(wanted.lstrip(_OPENING))
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
    passed = bool(wanted) and straight(end).endswith(straight(wanted.strip()))
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
    passed = straight(kw.phrase) in straight(text.paragraphs[kw.paragraph - 1])
    return Verdict(passed, f'"{kw.phrase[:60]}" {"is" if passed else "is not"} in paragraph {kw.paragraph}')
