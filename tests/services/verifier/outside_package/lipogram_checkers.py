"""lipogram: texts that do without a letter."""

from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.text import Text


class Without(Kwargs):
    letter: Annotated[str, Field(pattern="^[A-Za-z]$", description="One Latin letter, small or capital")]


@checker(
    "lipogram:without",
    Without,
    "Do not use the letter {letter}.",
    summary="One Latin letter does not occur, neither small nor capital.",
)
def without(text: Text, kw: Without) -> Verdict:
    found = text.lower.count(kw.letter.lower())
    return Verdict(found == 0, f"{found} times the letter {kw.letter}" if found else f"no letter {kw.letter}")
