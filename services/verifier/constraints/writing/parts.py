"""structure, of parts: how long a named section or an item is, how many items, what every item has, numbered headings."""

import re
from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from services.verifier.constraints.registry import Kwargs, Phrase, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, allows, said, within
from services.verifier.text import Text
from services.verifier.text.outline import EDGES, items_of, sections_of, straight, titles_of
from services.verifier.text.units import words


class OfSection(Range):
    title: Phrase = Field(description="The section's title, without its number.")


def _lines(text: Text) -> list[str]:
    return text.plain.split("\n")


def _in_section(text: Text, kw: OfSection, count: Callable[[list[str]], int], unit: str) -> Verdict:
    """`count` of the lines of every section with that title: eight reviews have a main part each."""
    wanted = straight(kw.title).strip(EDGES).rstrip(":： ")
    counts = [count(s.body) for s in sections_of(_lines(text), wanted) if wanted in titles_of(s.heading)]
    if not counts:
        return Verdict(False, f'no section titled "{kw.title[:60]}"')
    found = next((n for n in counts if not allows(kw, n)), counts[0])
    return within(found, kw, f'{unit} in "{kw.title[:60]}"')


class LengthOfSection(OfSection):
    unit: Literal["words", "characters"] = "words"
    """Characters: without white space, punctuation included."""


@checker(
    "structure:section_length",
    LengthOfSection,
    lambda kw: (
        f'Write {said(kw)} {kw.unit} in the section "{kw.title}"'
        + (" (a Chinese character counts as one)." if kw.unit == "words" else ".")
    ),
    summary="Words between a section's title and the next heading, in each so titled; the title may be numbered, marked, or followed by a colon.",
    version=5,
    unsure=True,
)
def section_length(text: Text, kw: LengthOfSection) -> Verdict:
    if kw.unit == "characters":
        return _in_section(
            text, kw, lambda body: sum(len(part) for line in body for part in line.split()), "characters"
        )
    return _in_section(text, kw, lambda body: len(words("\n".join(body))), "words")


@checker(
    "structure:section_items",
    OfSection,
    lambda kw: f'List {said(kw)} items in the section "{kw.title}".',
    summary="List items, bulleted or numbered, between a section's title and the next heading, in each so titled.",
    version=5,
    unsure=True,
)
def section_items(text: Text, kw: OfSection) -> Verdict:
    return _in_section(text, kw, lambda body: len(items_of(body)), "items")


@checker(
    "structure:each_section_length",
    Range,
    lambda kw: f"Write {said(kw)} words in every section, each under a heading (a Chinese character counts as one).",
    summary="Words under every heading that has text under it; a text without headings fails; the reason names the first that is not.",
    version=3,
    unsure=True,
)
def each_section_length(text: Text, kw: Range) -> Verdict:
    """Parts with text of their own: of a heading that only holds others there is nothing to count."""
    sections = [s for s in sections_of(_lines(text)) if any(line.strip() for line in s.body)]
    for section in sections:
        found = len(words("\n".join(section.body)))
        if not allows(kw, found):
            return within(found, kw, f"words under {section.heading[:60]!r}")
    return Verdict(bool(sections), f"every section has {said(kw)} words" if sections else "no section with a heading")


class InEverySection(Kwargs):
    what: Literal["phrase", "number", "quotation", "list"] = "phrase"
    phrase: Phrase | None = None

    @model_validator(mode="after")
    def _a_phrase_where_one_is_looked_for(self) -> Self:
        if (self.phrase is not None) != (self.what == "phrase"):
            raise ValueError("give phrase where what is phrase, and nowhere else")
        return self


_HOLDS: dict[str, Callable[[str], bool]] = {
    "number": lambda body: re.search(r"\d", body) is not None,
    "quotation": lambda body: (
        re.search(r"“[^”]+”|「[^」]+」|『[^』]+』|\"[^\"]+\"|^ {0,3}> ?\S", body, re.MULTILINE) is not None
    ),
    "list": lambda body: bool(items_of(body.split("\n"))),
}


@checker(
    "structure:every_section_contains",
    InEverySection,
    lambda kw: (
        f"Put {kw.phrase!r} into every section." if kw.what == "phrase" else f"Put a {kw.what} into every section."
    ),
    summary="Every section with text under its heading holds the phrase (case ignored), a number in digits, a quotation or a list.",
    version=3,
)
def every_section_contains(text: Text, kw: InEverySection) -> Verdict:
    sections = [s for s in sections_of(_lines(text)) if any(line.strip() for line in s.body)]
    wanted, holds = straight(kw.phrase or ""), _HOLDS.get(kw.what)
    for section in sections:
        body = "\n".join(section.body)
        if not (holds(body) if holds else wanted in straight(body)):
            return Verdict(False, f"no {kw.what} under {section.heading[:60]!r}")
    return Verdict(bool(sections), f"a {kw.what} in every section" if sections else "no section with a heading")


@checker(
    "structure:item_length",
    Range,
    lambda kw: f"Let every list item have {said(kw)} words.",
    summary="Every list item is within the limits; the reason names the first that is not; a text without items fails.",
    version=3,
    unsure=True,
)
def item_length(text: Text, kw: Range) -> Verdict:
    items = items_of(_lines(text))
    for i, item in enumerate(items, start=1):
        found = len(words(item))
        if not allows(kw, found):
            return within(found, kw, f"words in item {i}")
    return Verdict(bool(items), f"every item has {said(kw)} words" if items else "no list item")


class InEveryItem(Kwargs):
    phrase: Phrase


@checker(
    "structure:every_item_contains",
    InEveryItem,
    'Use "{phrase}" in every list item.',
    summary="The phrase occurs in every list item, case ignored; a text without items fails.",
    version=3,
)
def every_item_contains(text: Text, kw: InEveryItem) -> Verdict:
    items = items_of(_lines(text))
    without = next((i for i, item in enumerate(items, start=1) if straight(kw.phrase) not in straight(item)), None)
    if without is not None:
        return Verdict(False, f'"{kw.phrase[:60]}" is not in item {without}')
    return Verdict(bool(items), f'"{kw.phrase[:60]}" is in every item' if items else "no list item")


@checker(
    "structure:numbered_headings",
    Range,
    lambda kw: f"Use {said(kw)} numbered headings.",
    summary="Headings that begin with a number, a counted unit (第一章, Part 2) or a letter with a full stop or bracket.",
    version=3,
)
def numbered_headings(text: Text, kw: Range) -> Verdict:
    return within(sum(s.numbered for s in sections_of(_lines(text))), kw, "numbered headings")
