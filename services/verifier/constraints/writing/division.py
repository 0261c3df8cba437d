"""length:of_parts: how long the beginning, the middle and the end are, where no heading names them."""

from itertools import accumulate
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.verifier.constraints.registry import Count, Kwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import in_order, said
from services.verifier.text import Text
from services.verifier.text.units import words


class Part(Kwargs):
    """Words of one part; without a limit, of any length."""

    min: Count | None = None
    max: Count | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        in_order(self)
        return self

    def __str__(self) -> str:
        return "any number of" if self.min is None and self.max is None else said(self)


class Parts(Kwargs):
    parts: Annotated[tuple[Part, ...], Field(min_length=2, max_length=20)]


def _said(kw: Parts) -> str:
    return ", ".join(map(str, kw.parts))


@checker(
    "length:of_parts",
    Parts,
    lambda kw: (
        f"Write it in {len(kw.parts)} parts, one after another, of {_said(kw)} words (a Chinese character counts as one)."
    ),
    summary="Whether the text can be cut between paragraphs into that many parts of such lengths, in order; headings are not counted.",
)
def of_parts(text: Text, kw: Parts) -> Verdict:
    """One way to cut it is enough: where a beginning ends is for the writer to say."""
    lengths = [len(words(paragraph)) for paragraph in text.paragraphs]
    ends = [0, *accumulate(lengths)]
    reached = {0}
    """Paragraphs that the parts so far may hold."""
    for i, part in enumerate(kw.parts):
        reached = _reach(ends, sorted(reached), part)
        if not reached:
            return Verdict(
                False, f"no part {i + 1} of {part} words can be cut from paragraphs of {_listed(lengths)} words"
            )
    passed = len(lengths) in reached
    found = f"paragraphs of {_listed(lengths)} words"
    return Verdict(passed, f"{found}: {'cut into' if passed else 'not to be cut into'} parts of {_said(kw)[:200]}")


def _reach(ends: list[int], starts: list[int], part: Part) -> set[int]:
    """Where a part may end that begins at one of `starts`, in ascending order: both ends of the window move only forward."""
    found: set[int] = set()
    low = high = 0
    last = 0
    """The last end found, so that none is visited twice."""
    for start in starts:
        least, most = part.min or 0, part.max
        low = max(low, start + 1)
        while low < len(ends) and ends[low] - ends[start] < least:
            low += 1
        high = max(high, low)
        while high < len(ends) and (most is None or ends[high] - ends[start] <= most):
            high += 1
        first = max(low, last + 1)
        found.update(range(first, high))
        last = max(last, high - 1)
    return found


def _listed(lengths: list[int]) -> str:
    shown = ", ".join(map(str, lengths[:10]))
    return f"{shown}, ..." if len(lengths) > 10 else shown or "no"
