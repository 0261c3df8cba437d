"""detectable_content: placeholders and postscripts."""

import re
from functools import lru_cache

from services.verifier.constraints.registry import Count, Kwargs, Phrase, Verdict, checker
from services.verifier.text import Text


class NumberPlaceholders(Kwargs):
    num_placeholders: Count


@checker(
    "detectable_content:number_placeholders",
    NumberPlaceholders,
    "Use at least {num_placeholders} placeholders in square brackets, such as [name].",
    summary="Pairs of square brackets, each within one line.",
)
def number_placeholders(text: Text, kw: NumberPlaceholders) -> Verdict:
    found = sum(_pairs(line) for line in text.lines) if "[" in text.raw else 0
    return Verdict(
        found >= kw.num_placeholders, f"{found} placeholders in brackets, at least {kw.num_placeholders} wanted"
    )


def _pairs(line: str) -> int:
    count, at = 0, line.find("[")
    while at >= 0:
        close = line.find("]", at + 1)
        if close < 0:
            break
        count += 1
        at = line.find("[", close + 1)
    return count


class Postscript(Kwargs):
    postscript_marker: Phrase


@checker(
    "detectable_content:postscript",
    Postscript,
    "Add a postscript at the end, beginning with {postscript_marker}",
    summary="The marker occurs, in any case and anywhere; after its periods one white space is allowed.",
)
def postscript(text: Text, kw: Postscript) -> Verdict:
    passed = _marker(kw.postscript_marker.strip()).search(text.lower) is not None
    return Verdict(passed, f"{kw.postscript_marker} {'found' if passed else 'not found'}")


@lru_cache(maxsize=1024)
def _marker(marker: str) -> re.Pattern[str]:
    if marker == "P.P.S":
        return re.compile(r"p\.\s?p\.\s?s")
    if marker == "P.S.":
        return re.compile(r"p\.\s?s\.")
    # The reference reads other markers as a regular expression, in which a period stands for any character of the line.
    return re.compile(re.escape(marker.lower()).replace(r"\.", "."))
