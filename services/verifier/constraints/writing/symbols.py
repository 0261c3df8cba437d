"""symbols: emoji and punctuation marks."""

from typing import Annotated

import regex
from pydantic import Field

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import Range, said, within
from services.verifier.text import Text

_PICTOGRAPH = r"(?![\d#*©®™])\p{Extended_Pictographic}[\ufe0e\ufe0f\p{Emoji_Modifier}]*+"
# Pictographs joined to one; a flag; a keycap. Digits, # and * by themselves are pictographs to Unicode alone.
_EMOJI = regex.compile(rf"{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*+|\p{{Regional_Indicator}}{{2}}|[\d#*]\ufe0f?\u20e3")

_FORMS = {
    '"': "“”„＂", "'": "‘’＇", "!": "！", "?": "？", ",": "，", ";": "；", ":": "：", "(": "（", ")": "）", "-": "‐‑", "%": "％",
}  # fmt: skip


@checker(
    "symbols:emoji",
    Range,
    lambda kw: f"Use {said(kw)} emoji.",
    summary="Emoji, each sequence of joined characters counted once.",
    version=2,
)
def emojis(text: Text, kw: Range) -> Verdict:
    found = 0 if text.plain.isascii() else len(_EMOJI.findall(text.plain))
    return within(found, kw, "emoji")


class Limit(Kwargs):
    marks: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
    max: Count = 0


@checker(
    "symbols:punctuation_limit",
    Limit,
    lambda kw: f"Use {'none' if kw.max == 0 else f'at most {kw.max} in all'} of these marks: {' '.join(kw.marks)}",
    summary="Occurrences of the given characters, all together; a plain mark stands for its typographic and full-width forms too.",
    version=3,
)
def punctuation_limit(text: Text, kw: Limit) -> Verdict:
    # Whoever names a plain mark means its typographic and full-width forms too; whoever names one of these means just that.
    wanted = set("".join(mark + _FORMS.get(mark, "") for mark in kw.marks))
    found = sum(text.plain.count(mark) for mark in wanted)
    return Verdict(found <= kw.max, f"{found} of the marks {' '.join(kw.marks)}, at most {kw.max}")


_CLOSED_BY = {
    "(": ")",
    "[": "]",
    "{": "}",
    "（": "）",
    "【": "】",
    "《": "》",
    "「": "」",
    "『": "』",
    "“": "”",
    "«": "»",
}
_CLOSING = frozenset(_CLOSED_BY.values())
# a) b) 1) at the start of a line, and :-) anywhere
_NO_BRACKET = regex.compile(r"(?m)^[^\S\n]*(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[)）]|[:;]-?[()]")


@checker(
    "symbols:balanced",
    NoKwargs,
    "Close every bracket and every quotation mark that you open.",
    summary="Brackets and double quotation marks open and close in order; a speech may open anew in each of its paragraphs.",
    version=2,
)
def balanced(text: Text, kw: NoKwargs) -> Verdict:
    shown = _NO_BRACKET.sub("", text.plain)
    opened: list[str] = []
    for match in _MARKS.finditer(shown):
        mark = match.group()
        if mark == "“" and "“" in opened[-1:]:
            continue  # the next paragraph of a speech
        if mark in _CLOSED_BY:
            opened.append(mark)
        elif not opened or _CLOSED_BY[opened.pop()] != mark:
            return Verdict(False, f"{mark} closes nothing: {shown[max(0, match.start() - 30) : match.end()]!r}")
    if opened:
        return Verdict(False, f"{opened[-1]} is never closed")
    straight = shown.count('"')
    if straight % 2:
        straight -= len(_INCHES.findall(shown)) % 2
    return Verdict(straight % 2 == 0, "every mark is closed" if straight % 2 == 0 else 'an odd number of "')


# A mark of inches, where the quotation marks do not come out even.
_INCHES = regex.compile(r'(?<=\d)"(?=[\s,.;)x×])')
_MARKS = regex.compile("[" + "".join(map(regex.escape, [*_CLOSED_BY, *_CLOSING])) + "]")
