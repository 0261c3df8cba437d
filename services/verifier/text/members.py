"""Things of a kind that a text gives, such as three cases or five suggestions: told by the name of the kind and how they are marked."""

import re
from collections import Counter
from typing import NamedTuple

from services.verifier.text.bullets import TYPED
from services.verifier.text.outline import EDGES, straight

_CHINESE = "一二三四五六七八九十"
_VALUES = {
    word: i
    for words in (
        "first second third fourth fifth sixth seventh eighth ninth tenth",
        "one two three four five six seven eight nine ten",
        "一 二 三 四 五 六 七 八 九 十 十一 十二 十三 十四 十五",
        "① ② ③ ④ ⑤ ⑥ ⑦ ⑧ ⑨ ⑩",
    )
    for i, word in enumerate(words.split(), start=1)
}
_ORDINAL = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
_NUMBER = "one|two|three|four|five|six|seven|eight|nine|ten"
_MEASURE = "[个項项条條则種种类位名款家处點点道件张首份大]"
# How a line is marked, from the most to the least of a heading.
_MARKS = re.compile(
    rf"(?P<hashes>#{{1,6}})\s|(?P<part>第[{_CHINESE}\d]{{1,3}}(?:部分|[章节節]))|(?P<chinese>[{_CHINESE}]{{1,3}}、)|(?P<bracketed>[（(][{_CHINESE}]{{1,3}}[)）])"
    rf"|(?P<number>(?:(?P<value>\d{{1,3}})[.)、．](?!\d)|[①-⑳]))|(?P<bullet>[-*+•●◦▪■◆·○▶►➤✓✔](?=\s|[^\W\d_]))|(?P<other>{TYPED})"
)
_BOLD = re.compile(r"\*\*[^*\n]{1,80}\*\*[:：.。]?|[【「《][^】」》\n]{1,40}[】」》]$")
_LABEL = re.compile(r"[^\s:：,，。.!?！？;；][^:：,，。.!?！？;；\n]{0,40}[:：]\s*$")
_RANK = {"part": 7, "chinese": 8, "bracketed": 9, "number": 10, "bold": 11, "label": 12, "other": 13, "bullet": 14}
_DASHES = re.compile(r"\|?[\s:|-]{3,}$")
_BETWEEN = 3
"""Lines of prose that may stand between a heading and the first item below it."""
_LONGEST_LEAD = 60
_END_OF_LEAD = re.compile(r"[:：。.!！?？—–]| - ")


def members_of(text: str, names: tuple[str, ...]) -> list[int]:
    """How many there are; several numbers where it can be read in several ways, the likeliest first. `text` is as `as_read` gives it."""
    lower = straight(text)
    names = tuple(name for name in names if name.strip() and _stem(name) in lower)
    if not names:
        return [0]
    called = "|".join(_called(name) for name in sorted(names, key=len, reverse=True))
    name = re.compile(called)
    lines = [_line(line) for line in lower.split("\n") if line.strip()]
    numbered = _numbered(lines, lower, called)
    if numbered > 1:
        return [numbered]
    named = _named(lines, name)
    if named > 1:
        return [named]
    below = _below(lines, name)
    if below:
        return [*below, sum(below)]
    return [max(numbered, named, _rows(lines, name), _enumerated(lower))]


def _stem(name: str) -> str:
    """What singular and plural have in common."""
    name = straight(name).strip()
    if not name.isascii() or len(name) < 4:
        return name
    return name[:-3] if name.endswith("ies") else name[:-1] if name.endswith(("s", "y")) else name


def _called(name: str) -> str:
    stem = re.escape(_stem(name))
    return stem if not name.isascii() else rf"(?<![a-z]){stem}(?:y|ies|s|es)?(?![a-z])"


class _Line(NamedTuple):
    text: str
    rest: str
    """Without its marks and number."""
    kind: str | None
    """How it is marked; None for prose."""
    value: int
    """Its number, or 0."""
    indent: int

    @property
    def rank(self) -> int:
        """Headings of Markdown have 1 to 6, the others more, prose the most."""
        if self.kind is None:
            return 99
        return int(self.kind[1:]) if self.kind[1:].isdigit() else _RANK[self.kind]

    @property
    def lead(self) -> str:
        """The words in front: up to a colon or the first full stop."""
        lead = self.rest.lstrip(EDGES)[:_LONGEST_LEAD]
        end = _END_OF_LEAD.search(lead)
        return lead[: end.start()] if end else lead


def _line(line: str) -> _Line:
    bare = line.strip()
    inner = bare.strip("*_ ") if bare.startswith(("**", "__")) else bare
    match = _MARKS.match(inner)
    kind = match.lastgroup if match else "bold" if _BOLD.match(bare) else "label" if _LABEL.match(bare) else None
    if match and kind == "hashes":
        kind = f"h{len(match['hashes'])}"
    value = int(match["value"]) if match and match["value"] else 0
    rest = inner[match.end() :].strip() if match else inner
    return _Line(bare, rest, kind, value, len(line) - len(line.lstrip()))


def _numbered(lines: list[_Line], lower: str, called: str) -> int:
    """Case 1, 典型案例二, the third case, 第三个案例: different numbers of one name."""
    at_start = re.compile(
        rf"(?:[^\s,，.。:：]{{0,8}}?|[a-z]+ )(?P<name>{called})(?: study| no\.?)?\s?#?[（(]?(?P<number>\d{{1,3}}|{_NUMBER}|[{_CHINESE}]{{1,2}}|[①-⑩]|[a-z](?=[)）:：.、\s—–-]|$))"
        r"(?=[)）:：.、．\s—–《-]|\*|$|】)"
    )
    ordinal = re.compile(
        rf"\b(?P<english>{_ORDINAL})(?: [a-z'-]+){{0,2}} (?:{called})|第(?P<chinese>[{_CHINESE}\d]{{1,2}})(?:{_MEASURE}[^,，。；;:：\n]{{0,6}}?)?(?:{called})"
    )
    found: set[str] = set()
    for line in lines:
        match = at_start.match(line.rest.lstrip(EDGES))
        if match:
            found.add(_value(match["number"]))
    if len(found) > 1:
        return len(found)
    return len({_value(m["english"] or m["chinese"]) for m in ordinal.finditer(lower)} | found)


def _value(number: str) -> str:
    return str(_VALUES.get(number, number))


def _rows(lines: list[_Line], name: re.Pattern[str]) -> int:
    """Of a table that has the name in its head."""
    for i, line in enumerate(lines[:-1]):
        if "|" in line.text and _DASHES.match(lines[i + 1].text) and name.search(line.text[:200]):
            rows = 0
            for row in lines[i + 2 :]:
                if "|" not in row.text:
                    break
                rows += 1
            return rows
    return 0


_ENUMERATORS = tuple(
    [re.compile(pattern, re.MULTILINE) for pattern in patterns]
    for patterns in (
        [rf"(?:^|[，,。；;：:、\s]){n}(?:是|要|则)" for n in _CHINESE],
        [rf"(?:^|[，,。；;：:\s])第{n}[，,、：:]" for n in _CHINESE],
        [
            r"(?:^|[.!?:;] )first(?:ly)?,? ",
            r"(?:^|[.!?:;] )second(?:ly)?,? ",
            r"(?:^|[.!?:;] )third(?:ly)?,? ",
            r"(?:^|[.!?:;] )fourth(?:ly)?,? ",
            r"(?:^|[.!?:;] )fifth(?:ly)?,? ",
        ],
        [rf"[(（]{letter}[)）]" for letter in "abcdefgh"],
        [rf"[(（]{number}[)）]" for number in range(1, 10)],
        [rf"[(（]{number}[)）]" for number in _CHINESE],
        [r"首先[，,]?", r"其次[，,]?|然后[，,]?", r"再次[，,]|再者[，,]|此外[，,]"],
    )
)
_FINALLY = re.compile(r"(?:^|[.!?:;] )(?:finally|lastly|last),? |最后[，,]|最后一是", re.MULTILINE)


def _enumerated(lower: str) -> int:
    """In running text: 一是 ... 二是 ..., First, ... Second, ... Finally."""
    best = 0
    for patterns in _ENUMERATORS:
        at = count = 0
        for pattern in patterns:
            match = pattern.search(lower, at)
            if match is None:
                break
            at, count = match.end(), count + 1
        if count > 1 and _FINALLY.search(lower, at):
            count += 1
        best = max(best, count)
    return best if best > 1 else 0


def _named(lines: list[_Line], name: re.Pattern[str]) -> int:
    """Headings, or leads of items, that each have the name in the singular."""
    found: Counter[str] = Counter()
    for line in lines:
        if line.kind in (None, "label"):
            continue
        match = name.search(line.lead)
        if match and not (match.group().isascii() and match.group().endswith("s")) and len(line.lead) <= 40:
            found[line.kind or ""] += 1
    return max(found.values(), default=0)


def _below(lines: list[_Line], name: re.Pattern[str]) -> list[int]:
    """Of each place that names them: the subheadings or items below it."""
    found = []
    for i, line in enumerate(lines):
        if name.search(line.text[:200]) and i + 1 < len(lines):
            count = _members(lines, i)
            if count:
                found.append(count)
    return found


def _members(lines: list[_Line], at: int) -> int:
    """Lines of one kind and indentation below a heading, a label, or a sentence that announces them."""
    head, first, count, last = lines[at], None, 0, 0
    for i in range(at + 1, len(lines)):
        line = lines[i]
        if line.kind == head.kind is not None or (line.rank <= head.rank and line.rank <= _RANK["part"]):
            break
        if first is None:
            if line.kind not in (None, "label"):
                first, count, last = line, 1, line.value
            elif head.kind in (None, "label") or line.kind == "label" or i - at > _BETWEEN:
                break
        elif line.kind == first.kind and line.indent == first.indent:
            if first.value and line.value <= last:
                break
            count, last = count + 1, line.value
        elif line.rank < first.rank or line.kind == "label":
            break
    return count
