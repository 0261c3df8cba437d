"""The beginning of a text, up to the end of a sentence, as plain text: so that long answers and short ones can be compared.

A strong model's answer of a page against sixty words of a small one would teach a reward model length and Markdown.
"""

import re

from trainer.data.corruptions import pieces
from trainer.data.similarity import tokens

SHORTEST = 12
"""Tokens (words, Chinese characters) below which an opening says nothing about how it is written."""
_MARKS = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|[-*_]{3,}[ \t]*$|>[ \t]?|[*+-][ \t]+)|\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|`+",
    re.MULTILINE,
)
_ENDED = re.compile(r"[.!?。！？][\"”’'」』)]*$")


def plain_text(text: str) -> str:
    """Without Markdown's headings, emphasis, quotes, bullets and rules; at most one empty line in a row."""
    bare = re.sub(r"[ \t]+$", "", _MARKS.sub("", text), flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", bare).strip()


def opening(text: str, length: int) -> str | None:
    """Sentences from the beginning, as many as come nearest to `length` tokens; None where that is below SHORTEST or above twice `length`.

    A last sentence that does not end (a limit cut it, say) is left out.
    """
    taken, best, size = "", None, 0
    for piece in pieces(plain_text(text)):
        taken += piece
        now = len(tokens(taken))
        if now < SHORTEST or not _ENDED.search(taken):
            continue
        if best is not None and abs(now - length) > abs(size - length):
            break
        best, size = taken, now
    return best if size <= 2 * length else None
