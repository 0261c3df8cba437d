"""structure:form: texts with fixed labels, such as a statement of claim, a judgment or a review of a prescribed form."""

import re
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.outline import EDGES, NUMBERED, straight

Label = Annotated[str, Field(min_length=1, max_length=60)]
Wordings = Annotated[tuple[Label, ...], Field(min_length=1, max_length=10)]
_AROUND = EDGES + "—–"
_APART = re.compile(r"\s{2,}|[\t\u3000|；;]")
"""Labels that share a line stand apart by it."""
_SPACES = re.compile(r"\s+")
_BEHIND = re.compile(r"\s*(?:[^\w\s]|$)")
"""What follows a label in Latin letters: "Time: ...", and not "Time heals"."""


class Form(Kwargs):
    parts: Annotated[tuple[Wordings, ...], Field(min_length=1, max_length=30)] = Field(
        description="The labels in order; of each, the wordings that it may have."
    )
    times: Positive = Field(default=1, description="How often the form is filled in, one after another.")


def _described(kw: Form) -> str:
    listed = ", ".join(" or ".join(f'"{wording}"' for wording in part) for part in kw.parts)
    often = f" {kw.times} times" if kw.times > 1 else ""
    return f"Fill in this form{often}, with lines that begin with these labels in this order: {listed}."


@checker(
    "structure:form",
    Form,
    _described,
    summary="Lines begin with the labels in this order; numbering, Markdown signs, brackets and spaces between Chinese characters are left out.",
)
def form(text: Text, kw: Form) -> Verdict:
    parts = [[straight(wording).strip(_AROUND).rstrip(":： ") for wording in part] for part in kw.parts]
    found, wanted = 0, kw.times * len(parts)
    for line in text.plain.split("\n"):
        before = found
        for segment in _APART.split(line):
            found += found < wanted and _begins(segment, parts[found % len(parts)])
        # A label that is spread over the line's width: 审　判　长
        if found == before and not line.isascii():
            found += _begins(_SPACES.sub("", line), parts[found % len(parts)])
        if found == wanted:
            return Verdict(True, f"every label found{f', {kw.times} times' if kw.times > 1 else ''}")
    time, at = divmod(found, len(parts))
    behind = f" behind {kw.parts[at - 1][0]!r}" if at else ""
    return Verdict(
        False, f"no line begins with {kw.parts[at][0]!r}{behind}{f' (form {time + 1})' if kw.times > 1 else ''}"
    )


def _begins(line: str, wordings: list[str]) -> bool:
    start = straight(line[:200]).lstrip(_AROUND)
    if not start:
        return False
    if _is_one(start, wordings):
        return True
    numbered = NUMBERED.match(start)
    return numbered is not None and _is_one(start[numbered.end() :].lstrip(f":：.、)）{_AROUND}"), wordings)


def _is_one(start: str, wordings: list[str]) -> bool:
    return any(
        wording and start.startswith(wording) and (not wording.isascii() or _BEHIND.match(start, len(wording)))
        for wording in wordings
    )
