"""structure:number_of: how many things of a kind a text gives: cases, suggestions, tasks, posters."""

from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Verdict, checker
from services.verifier.constraints.writing.ranges import Range, allows, said
from services.verifier.text import Text
from services.verifier.text.members import members_of

Name = Annotated[str, Field(min_length=1, max_length=60)]


class NumberOf(Range):
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)] = Field(
        description='What they are called, in the words that a text may have: "suggestion", "recommendation"; 案例.'
    )


@checker(
    "structure:number_of",
    NumberOf,
    lambda kw: (
        f"Give {said(kw)} of these: {' or '.join(kw.names)}; number them, list them or put each under a heading."
    ),
    summary="Things called so: numbered by that name (Case 1, 案例一, the first case), under a heading each, or the items and subheadings below that name.",
    unsure=True,
)
def number_of(text: Text, kw: NumberOf) -> Verdict:
    counts = members_of(text.plain, kw.names)
    found = next((n for n in counts if allows(kw, n)), counts[0])
    return Verdict(allows(kw, found), f"{found} of {kw.names[0]!r}, {said(kw)}")
