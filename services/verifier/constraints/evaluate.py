"""Strict and loose verdicts of a prepared constraint on a response."""

from functools import cached_property
from typing import Any, Literal

from services.verifier.constraints.registry import Prepared, Verdict, prepare
from services.verifier.text import Text
from services.verifier.text.folding import shows_nothing
from services.verifier.text.view import loose_variants

Mode = Literal["strict", "loose"]

EMPTY = Verdict(False, "the response is empty")


class Subject:
    """A response under test: its text, and the texts that loose mode also accepts."""

    def __init__(self, response: str, prompt: str = "") -> None:
        self.text = Text(response, prompt)
        self.blank = shows_nothing(self.text.raw)

    @cached_property
    def alternatives(self) -> list[Text]:
        return [Text(raw, self.text.prompt) for raw in loose_variants(self.text.raw)[1:]]


def evaluate(constraint: Prepared, subject: Subject, mode: Mode = "strict") -> Verdict:
    """strict: the response is not blank and passes. loose: one of the eight variants of IFEval passes."""
    if subject.blank:
        return EMPTY
    verdict = constraint.test(subject.text)
    if verdict.passed or mode == "strict":
        return verdict
    return evaluate_variants(constraint, subject) or verdict


def evaluate_variants(constraint: Prepared, subject: Subject) -> Verdict | None:
    """The verdict of the first variant other than the response itself that passes, if one does."""
    if subject.blank:
        return None
    for text in subject.alternatives:
        verdict = constraint.test(text)
        if verdict.passed:
            return Verdict(True, f"{verdict.reason} (without first or last line, or asterisks)")
    return None


def check(type: str, kwargs: dict[str, Any], prompt: str, response: str, mode: Mode = "strict") -> Verdict:
    """One constraint on one response. Raises ConstraintError for an unknown type or wrong kwargs."""
    return evaluate(prepare(type, kwargs), Subject(response, prompt), mode)


def describe(type: str, kwargs: dict[str, Any]) -> str:
    """The constraint as an instruction in words. Raises ConstraintError."""
    return prepare(type, kwargs).describe()
