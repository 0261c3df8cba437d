"""From a VerifyRequest to its results: rules here, judge constraints left to the judge. All-or-nothing, decided in code."""

import json

import structlog

from rlmr.wire import Constraint, ConstraintResult, Status, VerifyResult, VerifySample
from rlmr.wire.base import Prompt
from services.verifier.cache import cache_key
from services.verifier.constraints import UNSURE, ConstraintError, Mode, Prepared, Subject, evaluate, prepare, registry
from services.verifier.constraints.registry import printable_line
from services.verifier.deadline import Deadline

log = structlog.get_logger(__name__)

JUDGE = "judge"


class PreparedConstraints:
    """Prepares constraints once per request: the n samples of a prompt usually carry the same ones."""

    def __init__(self) -> None:
        self._by_key: dict[str, Prepared | str] = {}

    def prepared(self, constraint: Constraint) -> Prepared | str:
        """A constraint that cannot be prepared gives the reason."""
        key = constraint_key(constraint)
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = _prepared(constraint)
        return found


def _prepared(constraint: Constraint) -> Prepared | str:
    if constraint.text is not None:
        return f"{constraint.type}: `text` belongs to type `judge` only"
    try:
        return prepare(constraint.type, constraint.kwargs)
    except ConstraintError as error:
        return str(error)


def constraint_key(constraint: Constraint) -> str:
    """Everything of a constraint that decides its answer. Kwargs in their order: the words of an error follow it."""
    return json.dumps([constraint.type, constraint.kwargs, constraint.text])


def in_words(constraint: Constraint) -> str:
    """As an instruction. Raises ConstraintError for a rule that cannot be prepared."""
    return constraint.text or prepare(constraint.type, constraint.kwargs).describe()


def sample_key(sample: VerifySample, mode: Mode, revision: str) -> bytes:
    """Key of everything that decides the answer on a sample, its id left out."""
    constraints = sample.constraints
    listed = "null" if constraints is None else f"[{','.join(map(constraint_key, constraints))}]"
    return cache_key(revision, mode, _prompt_key(sample.prompt), sample.response, listed)


def _prompt_key(prompt: Prompt) -> str:
    return json.dumps(prompt if isinstance(prompt, str) else [[m.role, m.content] for m in prompt])


def prompt_text(prompt: Prompt) -> str:
    """The prompt as one text: chat messages joined by blank lines."""
    return prompt if isinstance(prompt, str) else "\n\n".join(message.content for message in prompt)


def check_rules(
    sample: VerifySample,
    constraints: list[Constraint],
    mode: Mode,
    prepared: PreparedConstraints,
    deadline: Deadline,
) -> list[ConstraintResult | None]:
    """One result per constraint, in order; None where the judge is to answer."""
    subject = Subject(sample.response, prompt_text(sample.prompt))
    return [
        _refuse_malformed_judge_constraint(c)
        if c.type == JUDGE
        else _late(c, deadline)
        if deadline.passed
        else _check_rule(c, subject, mode, prepared)
        for c in constraints
    ]


def _late(constraint: Constraint, deadline: Deadline) -> ConstraintResult:
    reason = f"{constraint.type}: not checked {deadline}"
    return ConstraintResult(type=constraint.type, status=Status.TIMEOUT, source="rule", reason=reason)


def _refuse_malformed_judge_constraint(constraint: Constraint) -> ConstraintResult | None:
    if constraint.text and constraint.text.strip() and not constraint.kwargs:
        return None
    reason = "judge: `text` says what must hold, and `kwargs` stays empty"
    return ConstraintResult(type=JUDGE, status=Status.INVALID_INPUT, source="judge", reason=reason)


def _check_rule(
    constraint: Constraint, subject: Subject, mode: Mode, prepared: PreparedConstraints
) -> ConstraintResult:
    try:
        rule = prepared.prepared(constraint)
        if isinstance(rule, str):
            return ConstraintResult(type=constraint.type, status=Status.INVALID_INPUT, source="rule", reason=rule)
        verdict = evaluate(rule, subject, mode)
        return ConstraintResult(
            type=constraint.type,
            passed=verdict.passed,
            source="rule",
            reason=verdict.reason,
            spans=[] if verdict.passed else list(verdict.spans),
        )
    except Exception as error:
        # A checker never raises; one of another package may all the same, and its neighbours have done nothing.
        log.exception("checker_failed", checker=constraint.type)
        what = printable_line(f"{type(error).__name__}: {error}")
        reason = f"{constraint.type}: the checker failed: {what}"
        return ConstraintResult(type=constraint.type, status=Status.UNAVAILABLE, source="rule", reason=reason)


def is_unsure(result: ConstraintResult | None) -> bool:
    """Whether it is a violation on which the judge, where there is one, has the last word."""
    if result is None or result.passed is not False or result.type not in registry:
        return False
    # A blank response is a violation that nobody doubts.
    return registry[result.type].unsure and (result.reason or "").startswith(UNSURE)


def is_final(result: ConstraintResult | None) -> bool:
    """Whether asking again cannot change it; None (the judge is to answer) is the rules' last word."""
    return result is None or result.status in (Status.OK, Status.INVALID_INPUT)


def refusal(sample: VerifySample, max_chars: int, max_constraints: int) -> VerifyResult | None:
    """The result of a sample that is not checked at all, because it is over a limit."""
    for name, length in (("response", len(sample.response)), ("prompt", len(prompt_text(sample.prompt)))):
        if length > max_chars:
            reason = f"{name}: {length} characters, at most {max_chars} (MAX_CHARS)"
            return VerifyResult(id=sample.id, status=Status.TOO_LONG, reason=reason)
    if sample.constraints is not None and len(sample.constraints) > max_constraints:
        reason = f"{len(sample.constraints)} constraints, at most {max_constraints} (MAX_CONSTRAINTS)"
        return VerifyResult(id=sample.id, status=Status.INVALID_INPUT, reason=reason)
    return None


def conclude(sample_id: str, results: list[ConstraintResult]) -> VerifyResult:
    """All-or-nothing. A wrong constraint makes the sample invalid; otherwise one certain failure decides it, and without
    one every constraint must have a verdict."""
    wrong = next((r for r in results if r.status is Status.INVALID_INPUT), None)
    if wrong is not None:
        return VerifyResult(id=sample_id, status=Status.INVALID_INPUT, constraints=results, reason=wrong.reason)
    if any(r.passed is False for r in results):
        return VerifyResult(id=sample_id, status=Status.OK, passed=False, constraints=results)
    missing = next((r for r in results if r.status is not Status.OK), None)
    if missing is not None:
        return VerifyResult(id=sample_id, status=missing.status, constraints=results, reason=missing.reason)
    return VerifyResult(id=sample_id, status=Status.OK, passed=True, constraints=results)
