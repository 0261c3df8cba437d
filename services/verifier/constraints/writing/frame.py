"""structure:frame: title, addressee, closing, signature and date round the body of a document, English or Chinese."""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.letter import CLOSING, SALUTATION
from services.verifier.text import Text
from services.verifier.text.units import without_markup

Element = Literal["title", "addressee", "body", "closing", "signature", "date"]
_HEAD, _FOOT = 8, 7
"""Lines at the start and at the end in which the frame stands."""
_NUMERAL = r"[\d〇零○Oo一二三四五六七八九十Xx×_＿*]"
_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_DATE = re.compile(
    rf"(?:{_NUMERAL}{{1,6}} ?年 ?)?{_NUMERAL}{{1,3}} ?月 ?{_NUMERAL}{{1,3}} ?[日号]|{_NUMERAL}{{2,6}} ?年 ?{_NUMERAL}{{1,3}} ?月"
    r"|\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH})\b|\b(?:{_MONTH})\b\.? \d{{1,4}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?|[\[【（(](?:insert )?(?:date|日期)[\]】）)]|^(?:date|日期|时间)[:：]",
    re.IGNORECASE,
)
_SAYS_WHEN = re.compile(r"^(?:dated?|日期|时间)[:：]? ?", re.IGNORECASE)
_ENDS = (".", "。", "!", "！", "?", "？", ";", "；", "…", '."', ".”", "。”", "！”", "？”", "」", ":", "：", ",", "，")
_SENTENCE_END = re.compile(r"[.。!！?？;；…][\"”’」』）)]*$")
_ADDRESSEE = re.compile(
    r"(?:to|attn|attention|主送|致|收件人|呈)[:：] ?\S.{0,80}$|(?:各|全体|尊敬的|敬爱的|亲爱的)[^。！？；\n]{1,60}[:：]$|[^。！？；\n]{1,40}[:：]$",
    re.IGNORECASE,
)
_TO = re.compile(r"(?:to|attn)\b.{0,80}:", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+•]\s|\d{1,3}[.)、．]|[（(]?[一二三四五六七八九十]{1,3}[)）、]|附件|#)")
_LONGEST = 80
"""Characters of a line that is no prose."""


class Line(NamedTuple):
    raw: str
    plain: str
    prose: bool
    """Ends as a sentence does."""


def _each_once(elements: tuple[Element, ...]) -> tuple[Element, ...]:
    if len(set(elements)) != len(elements):
        raise ValueError("name each element once")
    return elements


class Frame(Kwargs):
    elements: Annotated[tuple[Element, ...], Field(min_length=1, max_length=6), AfterValidator(_each_once)]


@checker(
    "structure:frame",
    Frame,
    lambda kw: f"Write it as a document with {', '.join(kw.elements)}, each in its usual place.",
    summary="A title on top, an addressee (各科室：, Dear ...) below it, sentences, and near the end a closing, a signature and a date, as asked for.",
)
def frame(text: Text, kw: Frame) -> Verdict:
    lines = [_line(raw) for raw in text.plain.split("\n") if raw.strip()]
    found = _elements(lines)
    missing = [element for element in kw.elements if element not in found]
    return Verdict(not missing, f"missing: {', '.join(missing)}" if missing else f"found: {', '.join(kw.elements)}")


def _line(raw: str) -> Line:
    plain = without_markup(raw).strip(" \t\u3000|")
    return Line(raw, plain, _SENTENCE_END.search(plain[-12:]) is not None)


def _elements(lines: list[Line]) -> set[Element]:
    found: set[Element] = set()
    head, foot = lines[:_HEAD], list(range(max(0, len(lines) - _FOOT), len(lines)))
    prose = [i for i, line in enumerate(lines) if line.prose and not _closes(line)]
    first, last = (prose[0], prose[-1]) if prose else (len(lines), -1)
    if prose:
        found.add("body")
    # Above the body: whoever comes first in it is part of the frame.
    addressed = next((i for i, line in enumerate(head[: first + 1]) if _addresses(line)), None)
    if addressed is not None:
        found.add("addressee")
    if any(_titles(line) for line in head[: first if addressed is None else min(first, addressed)]):
        found.add("title")
    if any(i > 0 and _closes(lines[i]) for i in foot):
        found.add("closing")
    # The title is no signature, and what stands before the last sentence is none.
    signed = [i for i in foot if i > max(last, 0) and _signs(lines[i])]
    if signed:
        found.add("signature")
    if any(_dates(line) for line in head[:first]) or any(_dates(lines[i]) for i in foot if i > last):
        found.add("date")
    return found


def _closes(line: Line) -> bool:
    return len(line.plain) <= _LONGEST and CLOSING.match(line.plain) is not None


def _addresses(line: Line) -> bool:
    if len(line.plain) > 2 * _LONGEST:
        return False
    other = _TO if line.plain.isascii() else _ADDRESSEE
    return SALUTATION.match(line.plain) is not None or other.match(line.plain) is not None


def _titles(line: Line) -> bool:
    if not line.plain or len(line.plain) > _LONGEST or _only_date(line.plain) or "〔" in line.plain:
        return False
    return (
        line.raw.lstrip().startswith("#")
        or not line.plain.endswith(_ENDS)
        or line.plain.endswith(("?", "？", "!", "！"))
    )


def _signs(line: Line) -> bool:
    if line.prose or len(line.plain) > _LONGEST or _closes(line) or _BULLET.match(line.raw) or not line.plain:
        return False
    return not line.plain.endswith(_ENDS) and not _only_date(line.plain)


def _dates(line: Line) -> bool:
    return not line.prose and len(line.plain) <= _LONGEST and _DATE.search(line.plain) is not None


def _only_date(plain: str) -> bool:
    rest = _DATE.sub("", _SAYS_WHEN.sub("", plain))
    return rest != plain and not re.search(r"[^\W\d_]", rest)
