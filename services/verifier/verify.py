"""From a VerifyRequest to its results: rules here, judge constraints left to the judge. All-or-nothing, decided in code."""

import json
from typing import Any

from rlmr.wire import Constraint, ConstraintResult, Status, VerifyResult, VerifySample
from rlmr.wire.base import Prompt
from services.verifier.cache import cache_key
from services.verifier.constraints import ConstraintError, Mode, Prepared, Subject, evaluate, prepare

JUDGE = "judge"


class PreparedConstraints:
    """Prepares constraints once per request: the n samples of a prompt usually carry the same ones."""

    def __init__(self) -> None:
        self._by_key: dict[str, Prepared | ConstraintError] = {}

    def prepared(self, constraint: Constraint) -> Prepared:
        """Raises ConstraintError."""
        key = constraint.type + "\0" + _kwargs_key(constraint.kwargs)
        found = self._by_key.get(key)
        if found is None:
            try:
                if constraint.text is not None:
                    raise ConstraintError(f"{constraint.type}: `text` belongs to type `judge` only")
                found = prepare(constraint.type, constraint.kwargs)
            except ConstraintError as error:
                found = error
            self._by_key[key] = found
        if isinstance(found, ConstraintError):
            raise found
        return found


def _kwargs_key(kwargs: dict[str, Any]) -> str:
    return json.dumps(kwargs, sort_keys=True) if kwargs else ""


def sample_key(sample: VerifySample, mode: Mode, revision: str) -> bytes:
    """Key of everything that decides the rules' answer on a sample, its id left out."""
    constraints = sample.constraints
    listed = (
        "null"
        if constraints is None
        else "\n".join(f"{c.type}\0{_kwargs_key(c.kwargs)}\0{c.text}" for c in constraints)
    )
    return cache_key(revision, mode, prompt_text(sample.prompt), sample.response, listed)


def prompt_text(prompt: Prompt) -> str:
    """The prompt as one text: chat messages joined by blank lines."""
    return prompt if isinstance(prompt, str) else "\n\n".join(message.content for message in prompt)


def check_rules(
    sample: VerifySample, constraints: list[Constraint], mode: Mode, prepared: PreparedConstraints
) -> list[ConstraintResult | None]:
    """One result per constraint, in order; None where the judge is to answer."""
    subject = Subject(sample.response, prompt_text(sample.prompt))
    return [
        _refuse_malformed_judge_constraint(c) if c.type == JUDGE else _check_rule(c, subject, mode, prepared)
        for c in constraints
    ]


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
    except ConstraintError as error:
        return ConstraintResult(type=constraint.type, status=Status.INVALID_INPUT, source="rule", reason=str(error))
    verdict = evaluate(rule, subject, mode)
    return ConstraintResult(type=constraint.type, passed=verdict.passed, source="rule", reason=verdict.reason)


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
