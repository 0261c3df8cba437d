"""A judge against labelled constraints: how often it is right, whether harmless rewording or an attack turns its verdict, what it costs."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.verifier.accuracy.agreement import Unit, alpha_interval, nominal_alpha
from services.verifier.accuracy.judge_labels import JudgeRow
from services.verifier.accuracy.measure import Rate
from services.verifier.accuracy.rewording import REWORDINGS
from services.verifier.attack.corpus import SUFFIXES
from services.verifier.constraints import check
from services.verifier.judge import Judge, JudgeFailure
from services.verifier.judge.endpoint import ChatEndpoint
from services.verifier.judge.prompt_files import CONSTRAINT_FIRST
from services.verifier.judge.question import JudgedText
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

Answer = bool | None
"""Whether a row's constraint was found violated; None: no verdict."""


@dataclass
class Scores:
    """Violations are the positives. Rows without a verdict, and rows whose annotators disagree, are in neither rate."""

    rows: int = 0
    answered: int = 0
    true_violations: int = 0
    false_violations: int = 0
    missed_violations: int = 0
    true_passes: int = 0
    units: list[Unit] = field(default_factory=list)
    """(answer, label) of each row that has both, for alpha."""

    def add(self, violated: Answer, truth: Answer) -> None:
        if truth is None:
            return
        self.rows += 1
        if violated is None:
            return
        self.answered += 1
        self.true_violations += violated and truth
        self.false_violations += violated and not truth
        self.missed_violations += truth and not violated
        self.true_passes += not violated and not truth
        self.units.append((violated, truth))

    @property
    def precision(self) -> Rate:
        return Rate(self.true_violations, self.true_violations + self.false_violations)

    @property
    def recall(self) -> Rate:
        return Rate(self.true_violations, self.true_violations + self.missed_violations)

    @property
    def violated(self) -> Rate:
        """Share of the answered rows that are violations: the precision of a judge that calls everything violated."""
        return Rate(self.true_violations + self.missed_violations, self.answered)

    @property
    def alpha(self) -> float | None:
        """Agreement with the labels, corrected for chance."""
        return nominal_alpha(self.units)

    @property
    def alpha_interval(self) -> tuple[float, float] | None:
        return alpha_interval(self.units)


@dataclass(frozen=True)
class Cost:
    verdicts: int
    seconds: float
    """From the first call to the last answer, at the concurrency that was set."""
    tokens: dict[str, float]
    """Per verdict, by kind; empty where the endpoint does not tell."""

    def per_1000(self) -> dict[str, float]:
        if not self.verdicts:
            return {}
        scaled = {f"{kind} tokens": round(1000 * n) for kind, n in self.tokens.items()}
        return {"seconds": round(1000 * self.seconds / self.verdicts, 3), **scaled}


@dataclass(frozen=True)
class Evaluation:
    judge: str
    settings: dict[str, Any]
    rows: int
    disputed: int
    """Rows on which the annotators disagree."""
    annotators: float | None
    """Their alpha; None with one annotator."""
    judge_with_each: dict[str, float | None]
    """Alpha of the judge with each annotator."""
    systems: dict[str, Scores]
    by_language: dict[str, Scores]
    by_kind: dict[str, Scores]
    failures: dict[str, int]
    """Rows without a verdict of the judge, by status."""
    rewordings: dict[str, Rate]
    """Turned verdicts, of those that the judge gave both to the row and to its rewording."""
    attacks: dict[str, Rate]
    """Violating rows that pass with an attack behind them, of those that the judge found violated without."""
    cost: dict[str, Cost]


class Asking:
    """The judge in this process, asked row by row. Nothing is remembered."""

    def __init__(self, judge: Judge, settings: VerifierSettings) -> None:
        self._judge, self._settings = judge, settings
        self.failures: Counter[str] = Counter()
        self.done = 0

    async def all(
        self, asked: Sequence[tuple[str, str, str]], on_progress: Callable[[int], None] = lambda done: None
    ) -> list[Answer]:
        """`asked`: (prompt, constraint, response)."""

        async def one(prompt: str, constraint: str, response: str) -> Answer:
            answer = await self._violated(JudgedText.of(prompt, response), constraint)
            self.done += 1
            on_progress(self.done)
            return answer

        return await asyncio.gather(*(one(*question) for question in asked))

    async def _violated(self, judged: JudgedText, constraint: str) -> Answer:
        if judged.is_no_text:
            return True
        try:
            if self._settings.judge_mode == "paper":
                return not (await self._judge.ask_all(judged, [constraint])).passed
            return not (await self._judge.ask(judged, constraint)).passed
        except JudgeFailure as failure:
            self.failures[failure.status.value] += 1
            return None


async def evaluate_judge(
    rows: Sequence[JudgeRow],
    settings: VerifierSettings,
    *,
    rewordings: bool = True,
    attacks: bool = True,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Evaluation:
    """Raises NotServed if the endpoint does not serve the judge's model."""
    async with ChatEndpoint(settings, VerifierMetrics.create()) as endpoint:
        judge = Judge(endpoint, settings)
        judge.served = await endpoint.served()

        async def ask(what: str, judge: Judge, asked: Sequence[tuple[str, str, str]]) -> tuple[list[Answer], Asking]:
            asking = Asking(judge, settings)
            return await asking.all(asked, lambda done: on_progress(what, done, len(asked))), asking

        started = time.perf_counter()
        answers, asking = await ask("rows", judge, [(r.prompt, r.constraint, r.response) for r in rows])
        seconds = time.perf_counter() - started
        spent = judge.usage["per_verdict"] or {}
        given = sum(answer is not None for answer in answers)
        turned: dict[str, Rate] = {}
        if rewordings:
            other = Judge(endpoint, settings.model_copy(update={"judge_prompts": CONSTRAINT_FIRST}))
            for rewording in REWORDINGS:
                if rewording.constraint_first and settings.judge_prompts is not None:
                    continue  # the order is that of the given prompts
                changed = [(i, asked) for i, row in enumerate(rows) if (asked := rewording.asks(row)) is not None]
                again, _ = await ask(
                    rewording.name,
                    other if rewording.constraint_first else judge,
                    [(rows[i].prompt, constraint, response) for i, (constraint, response) in changed],
                )
                both = [(answers[i], b) for (i, _), b in zip(changed, again, strict=True)]
                known = [(a, b) for a, b in both if a is not None and b is not None]
                turned[rewording.name] = Rate(sum(a != b for a, b in known), len(known))
        passed: dict[str, Rate] = {}
        if attacks:
            found = [i for i, (row, a) in enumerate(zip(rows, answers, strict=True)) if row.violated and a]
            for family, suffixes in SUFFIXES.items():
                attacked = [
                    (rows[i].prompt, rows[i].constraint, f"{rows[i].response}\n\n{suffixes[i % len(suffixes)]}")
                    for i in found
                ]
                under_attack = [a for a in (await ask(family, judge, attacked))[0] if a is not None]
                passed[family] = Rate(under_attack.count(False), len(under_attack))
        identity = judge.identity
    rule_answers, rule_seconds = _by_rule(rows)
    systems = {
        "judge": answers,
        "rules": rule_answers,
        "rules, else judge": [r if r is not None else a for r, a in zip(rule_answers, answers, strict=True)],
    }
    names = sorted({name for row in rows for name in row.labels})
    return Evaluation(
        judge=identity,
        settings=settings.model_dump(mode="json", include={n for n in type(settings).model_fields if "judge_" in n}),
        rows=len(rows),
        disputed=sum(row.violated is None for row in rows),
        annotators=nominal_alpha([list(row.labels.values()) for row in rows]) if len(names) > 1 else None,
        judge_with_each={
            name: nominal_alpha([(a, _of(row, name)) for row, a in zip(rows, answers, strict=True)]) for name in names
        },
        systems={name: _scores(rows, said)["all"] for name, said in systems.items()},
        by_language=_scores(rows, answers, lambda row: row.language or "-"),
        by_kind=_scores(rows, answers, lambda row: row.kind or "-"),
        failures=dict(asking.failures),
        rewordings=turned,
        attacks=passed,
        cost=_costs(rule_answers, answers, rule_seconds, Cost(given, seconds, spent)),
    )


def _of(row: JudgeRow, annotator: str) -> Answer:
    label = row.labels.get(annotator)
    return None if label is None else label == "violated"


def _costs(by_rule: Sequence[Answer], by_judge: Sequence[Answer], rule_seconds: float, judge: Cost) -> dict[str, Cost]:
    """Of both together: the judge's mean for each row that has no rule."""
    asked = sum(r is None for r in by_rule)
    share = asked / len(by_rule)
    given = sum(r is not None or a is not None for r, a in zip(by_rule, by_judge, strict=True))
    rules = Cost(len(by_rule) - asked, rule_seconds, {})
    both = Cost(given, rule_seconds + share * judge.seconds, {k: share * n for k, n in judge.tokens.items()})
    return {"judge": judge, "rules": rules, "rules, else judge": both}


def _by_rule(rows: Sequence[JudgeRow]) -> tuple[list[Answer], float]:
    """Answers where a row has a rule, and the seconds that they took."""
    started = time.perf_counter()
    found = [
        None if row.rule is None else not check(row.rule.type, row.rule.kwargs, row.prompt, row.response).passed
        for row in rows
    ]
    return found, time.perf_counter() - started


def _scores(
    rows: Sequence[JudgeRow], answers: Sequence[Answer], key: Callable[[JudgeRow], str] = lambda row: "all"
) -> dict[str, Scores]:
    found: dict[str, Scores] = {}
    for row, answer in zip(rows, answers, strict=True):
        found.setdefault(key(row), Scores()).add(answer, row.violated)
    return dict(sorted(found.items()))
