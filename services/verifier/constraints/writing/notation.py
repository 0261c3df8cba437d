"""notation: how dates, numbers and times are written."""

import re
from typing import Literal

import regex

from services.verifier.constraints.registry import Kwargs, NoKwargs, Positive, Verdict, checker
from services.verifier.text import Text

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHORT_MONTHS = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?"
_DATES = {
    "iso": re.compile(r"(?<![\d-])\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\d-])"),
    "us": re.compile(rf"\b(?:{_MONTHS}) \d{{1,2}}, \d{{4}}\b"),
    "british": re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS}) \d{{4}}\b"),
    "slashes": re.compile(r"(?<!\d)\d{1,2}/\d{1,2}/\d{4}(?!\d)"),
    "chinese": re.compile(r"(?<!\d)\d{4} ?年 ?\d{1,2} ?月 ?\d{1,2} ?[日号]"),
    "chinese_numerals": re.compile(
        r"[〇○零一二三四五六七八九]{4}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}[日号]"
    ),
    # Nobody asks for it, and it is in the way of every form.
    "short": re.compile(rf"\b\d{{1,2}} {_SHORT_MONTHS} \d{{4}}\b|\b{_SHORT_MONTHS} \d{{1,2}}, \d{{4}}\b"),
}
# One of these is part of every date of its form, and they are quick to look for.
_NEEDS = {
    "iso": ["-"],
    "us": _MONTHS.split("|"),
    "british": _MONTHS.split("|"),
    "slashes": ["/"],
    "chinese": ["年"],
    "chinese_numerals": ["年"],
    "short": ["Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
}
_SHOWN = {
    "iso": "2024-03-09", "us": "March 9, 2024", "british": "9 March 2024", "slashes": "3/9/2024", "chinese": "2024年3月9日",
    "chinese_numerals": "二〇二四年三月九日",
}  # fmt: skip
_DIGITS = regex.compile(r"[\p{Nd}\p{No}]+")
_LARGE = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![\d.,])\d{4,30}(?![\d,])")


class Dates(Kwargs):
    format: Literal["iso", "us", "british", "slashes", "chinese", "chinese_numerals"]
    at_least: Positive = 1


@checker(
    "notation:dates",
    Dates,
    lambda kw: f"Write dates like {_SHOWN[kw.format]} and in no other way, at least {kw.at_least} of them.",
    summary="Enough dates in the format, and none in another of the known formats.",
    version=3,
)
def dates(text: Text, kw: Dates) -> Verdict:
    found = len(_DATES[kw.format].findall(text.plain))
    others = (p for name, p in _DATES.items() if name != kw.format and any(n in text.plain for n in _NEEDS[name]))
    other = next((m.group() for pattern in others if (m := pattern.search(text.plain))), None)
    if other is not None:
        return Verdict(False, f"{other[:40]!r} is written otherwise than {_SHOWN[kw.format]}")
    return Verdict(found >= kw.at_least, f"{found} dates like {_SHOWN[kw.format]}, at least {kw.at_least} wanted")


@checker(
    "notation:no_digits",
    NoKwargs,
    "Spell every number out: use no digits.",
    summary="No digit of any script, raised, in a circle or a fraction.",
    version=3,
)
def no_digits(text: Text, kw: NoKwargs) -> Verdict:
    found = _DIGITS.search(text.plain)
    return Verdict(found is None, f"digits: {found.group()[:40]!r}" if found else "no digits")


class Thousands(Kwargs):
    style: Literal["comma", "plain"]


@checker(
    "notation:thousands",
    Thousands,
    lambda kw: (
        "Write numbers from 10,000 on "
        + ("with commas, as in 12,500." if kw.style == "comma" else "without commas, as in 12500.")
    ),
    summary="Numbers of five digits and more; years are left alone.",
    version=3,
)
def thousands(text: Text, kw: Thousands) -> Verdict:
    for match in _LARGE.finditer(text.plain):
        number = match.group()
        before = text.plain[max(0, match.start() - 2) : match.start()]
        # Of a telephone or an order.
        if number[0] == "0" or (before[:1].isdigit() and before[1:] in (" ", "-")):
            continue
        if len(number.replace(",", "")) >= 5 and ("," in number) != (kw.style == "comma"):
            return Verdict(False, f"{number[:40]} is written otherwise")
    return Verdict(True, f"large numbers are written {'with commas' if kw.style == 'comma' else 'without commas'}")
