"""detectable_format: bullets, highlights, sections, titles, JSON, fixed answers."""

import json
import re
from functools import lru_cache

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_STAR_BULLET = re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE)
_DASH_BULLET = re.compile(r"^[^\S\n]*-", re.MULTILINE)
_SINGLE = re.compile(r"\*[^\n*]*\*")
_DOUBLE = re.compile(r"\*\*[^\n*]*\*\*")
_FENCES = ("```json", "```Json", "```JSON", "```")


@checker(
    "detectable_format:constrained_response",
    NoKwargs,
    "Answer with one of: My answer is yes. / My answer is no. / My answer is maybe.",
    summary="One of the three sentences occurs somewhere.",
)
def constrained_response(text: Text, kw: NoKwargs) -> Verdict:
    found = next((answer for answer in _ANSWERS if answer in text.raw), None)
    return Verdict(found is not None, f"found {found!r}" if found else "none of the three answers found")


class NumberBulletLists(Kwargs):
    num_bullets: Count


@checker(
    "detectable_format:number_bullet_lists",
    NumberBulletLists,
    "Use exactly {num_bullets} Markdown bullet points, each on a line that begins with * or -.",
    summary="Lines that begin with one asterisk or with a dash (a rule of dashes counts too).",
)
def number_bullet_lists(text: Text, kw: NumberBulletLists) -> Verdict:
    found = len(_STAR_BULLET.findall(text.raw)) if "*" in text.raw else 0
    if "-" in text.raw:
        found += len(_DASH_BULLET.findall(text.raw))
    return Verdict(found == kw.num_bullets, f"{found} bullet points, exactly {kw.num_bullets} wanted")


class NumberHighlightedSections(Kwargs):
    num_highlights: Count


@checker(
    "detectable_format:number_highlighted_sections",
    NumberHighlightedSections,
    "Highlight at least {num_highlights} passages with Markdown asterisks, such as *this passage*.",
    summary="Spans in single or double asterisks within one line, and not empty.",
)
def number_highlighted_sections(text: Text, kw: NumberHighlightedSections) -> Verdict:
    found = 0
    if "*" in text.raw:
        found = sum(1 for span in _SINGLE.findall(text.raw) if span.strip("*").strip())
        found += sum(1 for span in _DOUBLE.findall(text.raw) if span[2:-2].strip())
    return Verdict(found >= kw.num_highlights, f"{found} highlighted passages, at least {kw.num_highlights} wanted")


class MultipleSections(Kwargs):
    section_spliter: Phrase
    num_sections: Count


@checker(
    "detectable_format:multiple_sections",
    MultipleSections,
    "Divide the response into at least {num_sections} sections, each beginning with {section_spliter} and its number.",
    summary="Occurrences of the section word followed by a number.",
)
def multiple_sections(text: Text, kw: MultipleSections) -> Verdict:
    found = len(_section(kw.section_spliter.strip()).findall(text.raw))
    return Verdict(found >= kw.num_sections, f"{found} sections, at least {kw.num_sections} wanted")


@lru_cache(maxsize=1024)
def _section(word: str) -> re.Pattern[str]:
    return re.compile(re.escape(word) + r"\s?\d+")


@checker(
    "detectable_format:json_format",
    NoKwargs,
    "Make the whole response one JSON value; a Markdown code fence round it is allowed.",
    summary="The whole response parses as JSON, after one fence is taken off.",
)
def json_format(text: Text, kw: NoKwargs) -> Verdict:
    value = text.stripped
    for fence in _FENCES:
        value = value.removeprefix(fence)
    try:
        json.loads(value.removesuffix("```").strip())
    except RecursionError:
        return Verdict(False, "JSON nested too deeply to be read")
    except ValueError as error:
        return Verdict(False, f"not JSON: {str(error)[:100]}")
    return Verdict(True, "valid JSON")


@checker(
    "detectable_format:title",
    NoKwargs,
    "Give the response a title in double angular brackets, such as <<a quiet morning>>.",
    summary="Something that is not blank between << and >> on one line.",
)
def title(text: Text, kw: NoKwargs) -> Verdict:
    if "<<" in text.raw:
        for line in text.lines:
            start, end = line.find("<<"), line.rfind(">>")
            if 0 <= start <= end - 3:
                found = line[start : end + 2].lstrip("<").rstrip(">").strip()
                if found:
                    return Verdict(True, f"title {found[:80]!r}")
    return Verdict(False, "no <<title>> found")
