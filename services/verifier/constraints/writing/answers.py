"""structure:questions_answered: questions with their answers, as in a FAQ, an interview or a rehearsal for a defence."""

import re
from collections import Counter

from services.verifier.constraints.registry import Verdict, checker
from services.verifier.constraints.writing.ranges import Range, said, within
from services.verifier.text import Text
from services.verifier.text.outline import EDGES, NUMBERED, is_marked_heading, straight

_N = r"\s?[\d一二三四五六七八九十]{0,3}\s?"
_ASKS = re.compile(rf"(?:q(?:uestion)?{_N}[:：.、)]|(?:问|提问|问题|提问者){_N}[:：.、])\s*")
_ANSWERS = re.compile(rf"(?:a(?:nswer)?{_N}[:：.、)]|(?:答|回答|解答|答案|参考答案){_N}[:：.、])")
_CUE = re.compile(r"[^\s:：?？。.!！][^:：?？。.!！\n]{0,30}[:：]\s*\S")
_EMPHASIS = re.compile(r"[*_]{1,3}[^*_\n]+[*_]{1,3}$")
_MARK = re.compile("[?？]")
_AROUND = EDGES + "'‘’"


@checker(
    "structure:questions_answered",
    Range,
    lambda kw: f"Give {said(kw)} questions, each with its answer.",
    summary="Questions behind Q: or 问：, numbered, in bold or on a line of their own, with an answer behind or below, before the next question.",
)
def questions_answered(text: Text, kw: Range) -> Verdict:
    lines = [line.strip() for line in text.plain.split("\n") if line.strip()]
    found: Counter[str] = Counter()
    for i, line in enumerate(lines):
        start = straight(line[:600]).strip(_AROUND)
        if not _MARK.search(line) and not _ASKS.match(start):
            continue
        below = straight(lines[i + 1][:600]).strip(_AROUND) if i + 1 < len(lines) else ""
        kind = _kind(line, start, below)
        if kind is None or not (_answered_within(start) or _is_answer(lines[i + 1] if below else "", below)):
            continue
        found[kind] += 1
    # Where some are marked as questions, others in the text are a manner of speaking.
    return within(found["marked"] or found["plain"], kw, "questions with an answer")


def _kind(line: str, start: str, below: str) -> str | None:
    """Whether a line asks: behind a mark of its own, or as a whole."""
    if _ANSWERS.match(start):
        return None
    ends = start[-1:] in ("?", "？")
    if _ASKS.match(start):
        # 问题一：may head a problem.
        return "marked" if _MARK.search(start) or _ANSWERS.match(below) else None
    if not ends:
        return None
    numbered = NUMBERED.match(start) is not None or line.startswith(("- ", "* ", "• "))
    whole = _EMPHASIS.match(line) or is_marked_heading(line) or _CUE.match(start)
    return "marked" if numbered or whole else "plain"


def _answered_within(start: str) -> bool:
    """An answer in the same line, behind the question mark."""
    mark = _MARK.search(start)
    return mark is not None and _ASKS.match(start) is not None and len(start[mark.end() :].strip(_AROUND)) > 2


def _is_answer(line: str, below: str) -> bool:
    if not below:
        return False
    if mark := _ANSWERS.match(below):
        return len(below) > mark.end()
    return (
        not (below[-1:] in ("?", "？") and _MARK.search(below)) and not _ASKS.match(below) and not line.startswith("#")
    )
