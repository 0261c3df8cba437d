"""Harmless changes of a question to the judge: none changes what is asked, so a verdict that turns was no judgement."""

from collections.abc import Callable
from dataclasses import dataclass

from services.verifier.accuracy.judge_labels import JudgeRow

_DEMAND = {"en": "The following must hold: {}", "zh": "必须做到：{}"}
_LABEL = {"en": "Requirement: {}", "zh": "要求：{}"}


@dataclass(frozen=True, slots=True)
class Rewording:
    name: str
    constraint: Callable[[str, str], str] = lambda constraint, language: constraint
    response: Callable[[str], str] = lambda response: response
    constraint_first: bool = False
    """The requirement before the text in the prompt, instead of after it."""

    def asks(self, row: JudgeRow) -> tuple[str, str] | None:
        """(constraint, response); None where nothing changes."""
        asked = self.constraint(row.constraint, row.language), self.response(row.response)
        return asked if asked != (row.constraint, row.response) or self.constraint_first else None


REWORDINGS = (
    Rewording("a demand", lambda c, lang: _DEMAND.get(lang, _DEMAND["en"]).format(c)),
    Rewording("a label before it", lambda c, lang: _LABEL.get(lang, _LABEL["en"]).format(c)),
    Rewording("a list item", lambda c, lang: f"- {c}"),
    Rewording("no full stop", lambda c, lang: c.rstrip(".。")),
    Rewording("blank lines round the text", response=lambda r: f"\n\n{r}\n\n"),
    Rewording("two spaces for one", response=lambda r: r.replace(" ", "  ")),
    Rewording("the requirement first", constraint_first=True),
)
