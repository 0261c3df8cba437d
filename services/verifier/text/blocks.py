"""The blocks of a text as Markdown (CommonMark and tables, by PyPI's `markdown-it-py`, MIT), and lists as they are typed without it."""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt

from services.verifier.text.bullets import MAY_BE_IN_RUN, TYPED, items_in_runs

_TYPED_ITEM = re.compile(rf"^[^\S\n]*(?:{TYPED})[^\s]", re.MULTILINE)
_SIGNS = re.compile(rf"[#>`~|=\-*+_\d•●◦‣▪■◆◇★☆·○▶►※➤✓✔①-⑳⑴-⒇㈠-㈩（(、]|{MAY_BE_IN_RUN}")


_PROSE = "x"
"""What stands for a run of blocks of prose."""
# What may be more than prose: a line that begins with a sign, a space or a number, or holds a table's stroke.
_MAY_BE_MARKED = re.compile(
    rf"^(?:[\s#>`~=\-*+_<\d•●◦‣▪■◆◇★☆·○▶►※➤✓✔①-⑳⑴-⒇㈠-㈩（(]|[a-z][)）]|[一二三四五六七八九十]|{MAY_BE_IN_RUN})|\|",
    re.MULTILINE,
)


class Blocks(NamedTuple):
    headings: int
    items: int
    """Of Markdown's lists."""
    typed_items: int
    """Behind the bullets of a word processor, 1、 （1） ① and the like."""
    tables: int
    fences: int
    quotes: int


@cache
def _parser() -> MarkdownIt:
    # Blocks alone: what stands within a line takes most of the time, and nobody asks for it here.
    return MarkdownIt("commonmark", {"maxNesting": 12}).enable("table").disable("inline").disable("reference")


def blocks_of(text: str) -> Blocks:
    """The text is as `as_read` gives it."""
    if not _SIGNS.search(text):
        return Blocks(0, 0, 0, 0, 0, 0)
    found: Counter[str] = Counter()
    typed = 0
    for token in _parser().parse(_without_prose(text)):
        found[token.type] += 1
        if token.type == "inline" and token.content != _PROSE:
            lines = token.content.split("\n")
            typed += len(_TYPED_ITEM.findall(token.content))
            typed += sum(_TYPED_ITEM.match(lines[i]) is None for i in items_in_runs(lines))
    return Blocks(
        found["heading_open"],
        found["list_item_open"],
        typed,
        found["table_open"],
        found["fence"],
        found["blockquote_open"],
    )


def _without_prose(text: str) -> str:
    """A letter for each run of blocks that are prose: the parser's time goes by blocks and lines, and what is said in them makes no
    difference. A block that begins with white space may go on with a list, and stays."""
    kept: list[str] = []
    for part in text.split("\n\n"):
        if _MAY_BE_MARKED.search(part) or not part:
            kept.append(part)
        elif not kept or kept[-1] != _PROSE:
            kept.append(_PROSE)
    return "\n\n".join(kept)
