"""Checkers against labels: what a violation reported by a program is worth, and how many violations it finds."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rlmr.mistake import Mistake
from services.verifier.accuracy.labelled import Label
from services.verifier.accuracy.wilson import wilson
from services.verifier.constraints import ConstraintError, check


@dataclass(frozen=True, slots=True)
class Outcome:
    label: Label
    violated: bool
    reason: str

    @property
    def wrong(self) -> bool:
        return self.violated != self.label.violated


@dataclass
class Tally:
    """Violations are the positives: one false violation loses a whole sample its reward."""

    true_violations: int = 0
    false_violations: int = 0
    missed_violations: int = 0
    true_passes: int = 0
    texts: set[str] = field(default_factory=set)

    def add(self, outcome: Outcome) -> None:
        self.texts.add(outcome.label.where)
        if outcome.violated:
            self.true_violations += outcome.label.violated
            self.false_violations += not outcome.label.violated
        else:
            self.missed_violations += outcome.label.violated
            self.true_passes += not outcome.label.violated

    @property
    def precision(self) -> "Rate":
        return Rate(self.true_violations, self.true_violations + self.false_violations)

    @property
    def recall(self) -> "Rate":
        return Rate(self.true_violations, self.true_violations + self.missed_violations)


@dataclass(frozen=True, slots=True)
class Rate:
    hits: int
    of: int

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval (Wilson 1927). Labels of one text are not independent: it is narrower than the truth there."""
        return wilson(self.hits, self.of) if self.of else None

    def __str__(self) -> str:
        if self.interval is None:
            return "-"
        low, high = self.interval
        return f"{self.hits / self.of:.3f} [{low:.2f}, {high:.2f}]"


def outcomes(labels: list[Label]) -> list[Outcome]:
    """In order. Raises Mistake for kwargs that the checker does not take."""
    found = []
    for label in labels:
        try:
            verdict = check(label.checker, label.kwargs, label.row.prompt, label.text)
        except ConstraintError as error:
            raise Mistake(f"{label.where}: {error}") from None
        found.append(Outcome(label, not verdict.passed, verdict.reason))
    return found


def tallies(found: list[Outcome], key: Callable[[Label], str]) -> dict[str, Tally]:
    """By checker, language or whatever `key` tells, in alphabetical order."""
    groups: dict[str, Tally] = {}
    for outcome in found:
        groups.setdefault(key(outcome.label), Tally()).add(outcome)
    return dict(sorted(groups.items()))
