"""The parts of a text: headings with what stands under them, and the items of its lists. Markdown or typed without it."""

import re
from typing import NamedTuple

from services.verifier.text.bullets import TYPED, items_in_runs

_COUNTED = "一二三四五六七八九十百零〇"
_UNIT = "section|chapter|part|act|scene|step|stage|phase|day|lesson|book|volume|stanza|verse|paragraph|appendix|article"
_NUMBER_WORD = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
EDGES = ' \t\u3000#*_>-=~•●◦‣▪■◆◇★☆·○▶►※➤✓✔【】《》〈〉「」『』[]()（）<>"“”|'
"""What may stand round a title."""
# How headings are numbered: 第一章, Section 2, 1.2, (3), 一、 IV. b) ①
NUMBERED = re.compile(
    rf"(?P<unit>第[{_COUNTED}\d]{{1,6}}(?:部分|[章节節部回幕卷篇条條步])|(?:{_UNIT}) (?:\d{{1,3}}|[ivxlc]{{1,7}}|{_NUMBER_WORD}|[a-z])\b)"
    rf"|(?:\d{{1,3}}(?:\.\d{{1,3}})*|[{_COUNTED}]{{1,4}}|[ivxlc]{{1,7}}|[a-z])(?:[)）.、．:：]|(?<=\d)(?=\s))|[①-⑳⑴-⒇㈠-㈩]"
)
_STRAIGHT = str.maketrans("“”‘’", "\"\"''")
_ITEM = re.compile(rf"[^\S\n]*(?:[*+-][^\S\n]+|\d{{1,3}}[.)）][^\S\n]+|{TYPED})(?=\S)")
_MARKED_HEADING = re.compile(
    r"[^\S\n]{0,3}#{1,6}[^\S\n]+\S|(?:\*\*[^*\n]+\*\*[:：]?|[【「《][^】」》\n]{1,30}[】」》])(?:\s?[(（][^()（）\n]{1,20}[)）])?$"
)
_MAX_HEADING = 80
_ANNOUNCES = re.compile(r"以下|下列|如下|下面|\b(?:follow\w*|these|below)\b[^:：]*[:：]\s*$", re.IGNORECASE)
_RULE = re.compile(r"(?:[-*_=] ?){3,}$")


def straight(text: str) -> str:
    """For comparison: case and the form of quotation marks make no difference."""
    return text.translate(_STRAIGHT).casefold()


_BRACKETED = re.compile(r"[*_]{0,2}【([^】\n]{1,30})】")
_BRACKETS_BEHIND = re.compile(r"\s?[(（][^()（）\n]{1,30}[)）]?$")
_NUMERALS = re.compile(rf"\d+|[{_COUNTED}]+|[①-⑳⑴-⒇㈠-㈩]|(?<![a-z])[a-z](?![a-z])")
_TAGS = re.compile(r"</?(?:h[1-6]|b|strong)>")
_EMOJI = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u20e3\U0001f000-\U0001faff]+")


def _without_emoji(line: str) -> str:
    return line if line.isascii() else _EMOJI.sub(" ", line)


def titles_of(line: str) -> set[str]:
    """What a line may be the heading of: all of it, without its numbering, and what stands before a colon."""
    rest = _without_emoji(_TAGS.sub("", straight(line))).strip(EDGES)
    found = {rest.rstrip(":： ")}
    bracketed = _BRACKETED.match(line.strip())
    if bracketed is not None:
        found.add(straight(bracketed.group(1)).strip(EDGES))
    for _ in range(2):
        numbered = NUMBERED.match(rest)
        if numbered is None:
            break
        if numbered["unit"]:
            found.add(numbered["unit"])
        rest = rest[numbered.end() :].lstrip(" \t\u3000:：.、-–—)）").strip(EDGES)
        found.add(rest.rstrip(":： "))
    # "Wrap-up (10 min)", 教学过程（15分钟）
    for title in tuple(found):
        without = _BRACKETS_BEHIND.sub("", title)
        if without:
            found.add(without)
    for colon in (":", "：", " — ", " – "):
        before, sign, behind = rest.partition(colon)
        if sign and len(before) <= 60:
            found.add(before.strip(EDGES))
            # "Option 2: The Old One"
            if line.lstrip().startswith(("#", "**")) and len(behind) <= 60:
                found.add(behind.strip(EDGES))
    found.discard("")
    return found


def is_marked_heading(line: str) -> bool:
    """With Markdown's signs, in bold or in brackets as a whole."""
    return _MARKED_HEADING.match(line.strip()) is not None


def only_items(lines: list[str]) -> bool:
    """Whether every line that is not blank is a list item, or goes on with one."""
    first = next((line for line in lines if line.strip()), "")
    return _ITEM.match(first) is not None and all(
        _ITEM.match(line) or line[0].isspace() for line in lines if line.strip()
    )


class Section(NamedTuple):
    heading: str
    numbered: bool
    body: list[str]
    """Lines, without the heading."""


def sections_of(lines: list[str], title: str | None = None) -> list[Section]:
    """Headings are lines with Markdown's signs, in bold or in brackets as a whole, short and numbered lines with text below them, short
    labels with a colon, and the title that is looked for (straight, without marks) on a line of its own: then lines like it are headings, too.
    """
    found: list[Section] = []
    fenced = plainly = False
    for i, line in enumerate(lines):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        below = next((later for later in lines[i + 1 : i + 3] if later.strip()), "")
        kind = None if fenced else _heading_kind(line.strip(), below.strip())
        if kind == "numbered" and i and _marker(line) == _marker(lines[i - 1]) != "":
            kind = None  # the last item of a list
        if kind == "label" and found and _ANNOUNCES.search(line) and _ITEM.match(below):
            kind = None  # "Please bring the following:" within a section
        if kind is None and title is not None and not fenced and 0 < len(line) <= _MAX_HEADING and below:
            plainly |= (own := straight(line).strip(EDGES) == title)
            kind = "plain" if own or (plainly and _heads_plainly(lines, i)) else None
        if kind is None:
            if found and line.strip() and not _RULE.match(line.strip()):
                found[-1].body.append(line)
            continue
        numbered = NUMBERED.match(straight(line).strip(EDGES).strip()) is not None
        found.append(Section(line.strip(), numbered, []))
        rest = re.split("[:：]", line, maxsplit=1)[-1].strip(" *_") if kind == "label" else ""
        if rest:
            found[-1].body.append(rest)
    return found


def _heads_plainly(lines: list[str], i: int) -> bool:
    """A short line between a blank one and its text, that does not end as a sentence does."""
    line = lines[i].strip()
    return (
        bool(line)
        and len(line) <= _MAX_HEADING // 2
        and not lines[i - 1].strip()
        and line[-1] not in '.。!！?？;；:：,，…"”'
        and not _ITEM.match(line)
        and "|" not in line
    )


def _marker(line: str) -> str:
    """How an item is marked, whatever its number; empty for other lines."""
    match = _ITEM.match(line)
    return _NUMERALS.sub("1", match.group()) if match else ""


def _heading_kind(line: str, below: str) -> str | None:
    if not line or len(line) > 4 * _MAX_HEADING:
        return None
    if _MARKED_HEADING.match(line):
        return "marked"
    label = re.match(r"[*_]{0,2}[^\s:：,，。.!?！？][^:：,，。.!?！？\n]{0,29}[:：]", line)
    if label is not None and not _ITEM.match(line):
        # "Chapter 1: The Pier" has its title behind the colon, and its text below.
        named = NUMBERED.match(straight(line))
        titled = named is not None and named["unit"] and named.end() >= label.end() - 1
        return "numbered" if titled and below and len(line) <= _MAX_HEADING and line[-1] not in ".。!！?？" else "label"
    numbered = NUMBERED.match(straight(line).lstrip("（( "))
    if numbered is None or len(line) > _MAX_HEADING or line[-1] in ".。!！?？;；,，":
        return None
    # A list's next line is its next item; a heading's is its text.
    return "numbered" if below and not _ITEM.match(below) and not NUMBERED.match(straight(below)) else None


def items_of(lines: list[str]) -> list[str]:
    """Text of each list item, lines that go on with it included."""
    found: list[str] = []
    going_on = False
    in_runs = items_in_runs(lines)
    for i, line in enumerate(lines):
        marker = _ITEM.match(line)
        if i in in_runs or (marker is not None and not _RULE.match(line.strip())):
            found.append(line[in_runs[i] if marker is None else marker.end() :])
            going_on = True
        elif not line.strip() or _MARKED_HEADING.match(line):
            going_on = False
        elif going_on and line[0].isspace():
            found[-1] += f" {line.strip()}"
        else:
            going_on = False
    return found
