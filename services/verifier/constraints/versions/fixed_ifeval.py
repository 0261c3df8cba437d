"""fixed@1 of IFEval: where the reference checks something else than its instruction says. No instruction is changed."""

import re
from typing import Any

from services.verifier.constraints.registry import Verdict
from services.verifier.constraints.versions.catalogue import changed
from services.verifier.text import Text

_V = "fixed@1"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_CORE = re.compile(r"[^\W_]")
_BULLET = re.compile(r"^[^\S\n]*(?:\*(?=[^\S\n])|\*(?=[^*\s][^*\n]*$)|-(?!-))[^\w\n]*\w", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*(?=\S)([^\n*]+?)\*\*|(?<!\*)\*(?=[^\s*])([^\n*]+?)\*(?!\*)")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


@changed(
    "length_constraints:number_words",
    _V,
    "The reference counts don't and well-known as two words and a run of Chinese characters as one; here by white space, and by character.",
)
def number_words(text: Text, kw: Any) -> Verdict:
    found = 0
    for part in text.raw.split():
        han = len(_HAN.findall(part))
        found += han + bool(_CORE.search(_HAN.sub("", part)))
    passed = found < kw.num_words if kw.relation == "less than" else found >= kw.num_words
    return Verdict(passed, f"{found} words, {kw.relation} {kw.num_words} wanted")


@changed(
    "length_constraints:nth_paragraph_first_word",
    _V,
    "The reference leaves blank paragraphs out of the count, but not out of the numbering; here they are no paragraphs.",
)
def nth_paragraph_first_word(text: Text, kw: Any) -> Verdict:
    paragraphs = [p.strip() for p in _BLANK_LINES.split(text.raw) if p.strip()]
    if kw.nth_paragraph > len(paragraphs):
        return Verdict(False, f"{len(paragraphs)} paragraphs, no paragraph {kw.nth_paragraph}")
    first = paragraphs[kw.nth_paragraph - 1].split(maxsplit=1)[0]
    word = re.split(r"[.,?!:;'\"”’]", first.lstrip("'\"*_“‘"), maxsplit=1)[0].strip("*_").lower()
    passed = len(paragraphs) == kw.num_paragraphs and word == kw.first_word.lower()
    return Verdict(
        passed,
        f"{len(paragraphs)} paragraphs, {kw.num_paragraphs} wanted; paragraph {kw.nth_paragraph} begins with {word[:40]!r}, "
        f"{kw.first_word!r} wanted",
    )


@changed(
    "detectable_format:number_bullet_lists",
    _V,
    "The reference counts rules of dashes, and lines that begin with *emphasis*, as bullet points; here a bullet has text of its own.",
)
def number_bullet_lists(text: Text, kw: Any) -> Verdict:
    found = len(_BULLET.findall(text.raw))
    return Verdict(found == kw.num_bullets, f"{found} bullet points, exactly {kw.num_bullets} wanted")


@changed(
    "detectable_format:number_highlighted_sections",
    _V,
    "The reference counts ***a*** twice and takes a bullet's asterisk for the start of a highlight; here each span counts once.",
)
def number_highlighted_sections(text: Text, kw: Any) -> Verdict:
    found = sum(1 for match in _HIGHLIGHT.finditer(text.raw) if (match.group(1) or match.group(2)).strip())
    return Verdict(found >= kw.num_highlights, f"{found} highlighted passages, at least {kw.num_highlights} wanted")


@changed(
    "detectable_content:postscript",
    _V,
    "The reference finds the marker anywhere, inside words too; here a line begins with it.",
)
def postscript(text: Text, kw: Any) -> Verdict:
    wanted = _squeezed(kw.postscript_marker)
    passed = any(_squeezed(line.lstrip("*_#> "))[: len(wanted)] == wanted for line in text.lines)
    return Verdict(passed, f"{kw.postscript_marker} {'begins' if passed else 'begins no'} line")


def _squeezed(text: str) -> str:
    return "".join(text[:200].split()).lower()
