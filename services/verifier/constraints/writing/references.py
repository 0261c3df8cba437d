"""references: citations in a text, the sources listed under it, links."""

import re
from typing import Literal

from services.verifier.constraints.registry import Verdict, checker
from services.verifier.constraints.writing.ranges import Range, said, within
from services.verifier.text import Text
from services.verifier.text.outline import EDGES, is_marked_heading, straight, titles_of

_YEAR = r"(?:1[5-9]|20)\d{2}[a-z]?"
_NUMBERS = re.compile(r"(?<!\[)[\[［〔]\d{1,3}(?: ?[-–,，、;] ?\d{1,3}){0,20}[\]］〕](?![:(])")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,40}\](?!:)")
_FOOTNOTE_TEXT = re.compile(r"^[^\S\n]{0,3}\[\^[^\]\s]{1,40}\]:", re.MULTILINE)
# Brackets with a name and a year: (Hale, 1987), (see Osei & Lund, 2003, p. 4; Mori et al., 2011), （张华，2008）
_BRACKETS = re.compile(r"[（(]([^()（）\n]{4,300})[)）]")
_IN_BRACKETS = re.compile(rf"(?:[A-Z][^\W\d_]|[\u4e00-\u9fff]{{2}})[^;；]{{0,120}}?[,，\s等] ?{_YEAR}(?![\d–-])")
# A year in brackets behind a name: Brandt (1994), Osei and Lund (2003), 刘洋（2012）
_BEHIND_NAME = re.compile(
    rf"(?:\b[A-Z][^\W\d_]{{1,30}}(?:'s|’s)?(?: et al\.?| and colleagues)?|[\u4e00-\u9fff]{{2,3}}等?(?:人)?) ?[（(]{_YEAR}(?:, ?pp?\. ?\d{{1,4}})?[)）]"
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,500}`", re.DOTALL)
_LINK = re.compile(r"(?<![!A-Za-z0-9_])\[[^\[\]\n]{1,300}\]\((?P<to>[^()\s]{1,500})(?: \"[^\"\n]{0,200}\")?\)")
_ADDRESS = re.compile(
    r"https?://[^\s<>()\"，。！？；、）\]]{3,500}|(?<![A-Za-z0-9_./])www\.[\w-]{1,60}\.[^\s<>()\"，。；]{2,300}"
)
_LISTS = frozenset(
    {
        "references", "reference", "reference list", "list of references", "bibliography", "works cited", "sources", "literature", "literature cited",
        "citations", "footnotes", "notes", "参考文献", "参考资料", "参考书目", "引用文献", "参考来源", "资料来源", "参考", "注释",
    }
)  # fmt: skip
_ENTRY = re.compile(r"[^\S\n]*(?:[\[［〔]\d{1,3}[\]］〕]|\d{1,3}[.)、．]|[-*+•][^\S\n]|[①-⑳]|\[\^[^\]\s]{1,40}\]:)")


class Citations(Range):
    style: Literal["any", "numbers", "author_year", "footnotes"] = "any"


_SHOWN = {"any": "", "numbers": " like [1]", "author_year": " like (Hale, 1987)", "footnotes": " like [^1]"}


@checker(
    "references:citations",
    Citations,
    lambda kw: f"Cite sources in the text, {said(kw)} times{_SHOWN[kw.style]}.",
    summary="Places that cite: [1] or [2, 3], (Hale, 1987), Hale (1987), Markdown footnotes [^1]; the list of sources is left out.",
    version=2,
)
def citations(text: Text, kw: Citations) -> Verdict:
    body, _ = _apart(text)
    body = _CODE.sub(" ", body)  # a[1] is no citation there
    found = {
        "numbers": len(_NUMBERS.findall(body)),
        "footnotes": len(_FOOTNOTE.findall(body)),
        "author_year": len(_BEHIND_NAME.findall(body))
        + sum(len(_IN_BRACKETS.findall(inner)) for inner in _BRACKETS.findall(body)),
    }
    count = sum(found.values()) if kw.style == "any" else found[kw.style]
    return within(count, kw, f"citations{_SHOWN[kw.style]}")


@checker(
    "references:sources",
    Range,
    lambda kw: f"List {said(kw)} sources at the end.",
    summary="Entries under a heading such as References, Works Cited or 参考文献, and texts of Markdown footnotes.",
)
def sources(text: Text, kw: Range) -> Verdict:
    body, listed = _apart(text)
    return within(_entries(listed) + len(_FOOTNOTE_TEXT.findall(body)), kw, "sources listed")


@checker(
    "references:links",
    Range,
    lambda kw: f"Use {said(kw)} links.",
    summary="Markdown links and addresses (https://, www.); pictures and code are none.",
    version=2,
)
def links(text: Text, kw: Range) -> Verdict:
    plain = _CODE.sub(" ", text.plain)
    named = len(_LINK.findall(plain))
    # Of a picture, and of a link that is counted already.
    rest = re.sub(r"\]\([^()\s]{1,500}(?: \"[^\"\n]{0,200}\")?\)", "]", plain)
    return within(named + len(_ADDRESS.findall(rest)), kw, "links")


def _apart(text: Text) -> tuple[str, list[str]]:
    """The text without its list of sources, and the lines of that list."""
    body: list[str] = []
    listed: list[str] = []
    within_list = False
    for line in text.plain.split("\n"):
        if _heads_list(line):
            within_list = True
        elif within_list and is_marked_heading(line):
            within_list = False
            body.append(line)
        else:
            (listed if within_list else body).append(line)
    return "\n".join(body), listed


def _heads_list(line: str) -> bool:
    if not line or len(line) > 60 or line.strip()[-1:] in tuple(".。!！?？"):
        return False
    title = straight(line).strip(EDGES).rstrip(":： ")
    return title in _LISTS or ((line[:1] in "#*【" or line[:1].isdigit()) and not _LISTS.isdisjoint(titles_of(line)))


def _entries(lines: list[str]) -> int:
    """Those behind a number or bullet; else parts between blank lines, or lines."""
    marked = sum(_ENTRY.match(line) is not None for line in lines)
    if marked:
        return marked
    filled = [line for line in lines if line.strip()]
    blocks = sum(bool(line.strip()) and (i == 0 or not lines[i - 1].strip()) for i, line in enumerate(lines))
    return blocks if blocks > 1 else sum(not line[0].isspace() for line in filled)
