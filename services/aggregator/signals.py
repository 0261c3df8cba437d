"""The two signals of a group: writing rewards and verdicts. A reply is believed only sample by sample, and only if it is sound."""

import math
from dataclasses import dataclass, field
from typing import Literal

import orjson
from pydantic import ValidationError

from rlmr.wire import (
    ModelIdentity,
    RewardGroup,
    ScoreReply,
    ScoreResult,
    Status,
    VerifierIdentity,
    VerifyReply,
    VerifyResult,
)
from services.aggregator.mixing import MAX_REWARD
from services.aggregator.upstream import Upstream, UpstreamFailure


@dataclass(frozen=True, slots=True)
class Writing:
    """Writing reward of one sample; `score` is None unless status is ok."""

    status: Status
    score: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one sample; `passed` is None unless status is ok. Shares are None where a constraint has no verdict."""

    status: Status
    passed: bool | None = None
    rule_share: float | None = None
    judge_passed: bool | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """How a call is to be made."""

    deadline: float
    retries: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Question:
    """One group as request bodies for both upstreams, encoded before anything is sent."""

    n: int
    positions: list[int]
    """Responses that are sent; the others are longer than the limit."""
    score: bytes
    verify: bytes


def encode(group: RewardGroup, mode: Literal["strict", "loose"], max_chars: int) -> Question:
    """Sample ids are positions in the group. A response over `max_chars` is not sent; with a prompt over it, none is. Raises
    orjson.JSONEncodeError for what JSON cannot carry between services (integers beyond 64 bits in kwargs)."""
    prompt = [m.model_dump() for m in group.prompt] if isinstance(group.prompt, list) else group.prompt
    constraints = None if group.constraints is None else [c.model_dump(exclude_none=True) for c in group.constraints]
    prompt_chars = sum(len(m.content) for m in group.prompt) if isinstance(group.prompt, list) else len(group.prompt)
    positions = [i for i, text in enumerate(group.responses) if max(prompt_chars, len(text)) <= max_chars]
    samples = [{"id": str(i), "prompt": prompt, "response": group.responses[i]} for i in positions]
    return Question(
        n=len(group.responses),
        positions=positions,
        score=orjson.dumps({"samples": samples}),
        verify=orjson.dumps({"samples": [{**s, "constraints": constraints} for s in samples], "mode": mode}),
    )


async def ask_writing(upstream: Upstream, question: Question, call: Call) -> tuple[list[Writing], ModelIdentity | None]:
    """One per response, in order. Never raises for an upstream's fault: its failure is the status of every sample."""
    answers = [Writing(Status.TOO_LONG, reason=_TOO_LONG)] * question.n
    if not question.positions:
        return answers, None
    model = None
    try:
        content = await upstream.post(
            "score", question.score, deadline=call.deadline, retries=call.retries, request_id=call.request_id
        )
        reply = ScoreReply.model_validate_json(content, extra="ignore")
        _check_ids([r.id for r in reply.results], question.positions)
        given, model = [_writing(r) for r in reply.results], reply.model
    except UpstreamFailure as failure:
        given = [Writing(failure.status, reason=failure.reason)] * len(question.positions)
    except (ValidationError, UnsoundReply) as exc:
        given = [Writing(Status.UNPARSEABLE, reason=_unsound(upstream.name, exc))] * len(question.positions)
    for i, answer in zip(question.positions, given, strict=True):
        answers[i] = answer
    return answers, model


async def ask_verdicts(
    upstream: Upstream, question: Question, call: Call
) -> tuple[list[Verdict], VerifierIdentity | None]:
    """As ask_writing."""
    answers = [Verdict(Status.TOO_LONG, reasons=[_TOO_LONG])] * question.n
    if not question.positions:
        return answers, None
    verifier = None
    try:
        content = await upstream.post(
            "verify", question.verify, deadline=call.deadline, retries=call.retries, request_id=call.request_id
        )
        reply = VerifyReply.model_validate_json(content, extra="ignore")
        _check_ids([r.id for r in reply.results], question.positions)
        given, verifier = [_verdict(r) for r in reply.results], reply.verifier
    except UpstreamFailure as failure:
        given = [Verdict(failure.status, reasons=[failure.reason])] * len(question.positions)
    except (ValidationError, UnsoundReply) as exc:
        given = [Verdict(Status.UNPARSEABLE, reasons=[_unsound(upstream.name, exc)])] * len(question.positions)
    for i, answer in zip(question.positions, given, strict=True):
        answers[i] = answer
    return answers, verifier


_TOO_LONG = "prompt or response longer than the aggregator's MAX_CHARS"


class UnsoundReply(ValueError):
    """A reply that parses but does not answer what was asked."""


def _check_ids(ids: list[str], positions: list[int]) -> None:
    if len(ids) != len(positions):
        raise UnsoundReply(f"{len(ids)} results for {len(positions)} samples")
    if ids != [str(i) for i in positions]:
        raise UnsoundReply("the results' ids are not those of the samples, in their order")


def _unsound(name: str, exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{name}: reply is not what the wire contract says: {where}: {first['msg']}"
    return f"{name}: unsound reply: {exc}"


def _writing(result: ScoreResult) -> Writing:
    if result.status is not Status.OK:
        return Writing(result.status, reason=result.reason or f"writing reward: {result.status}")
    if result.score is None or not math.isfinite(result.score) or abs(result.score) > MAX_REWARD:
        return Writing(Status.UNPARSEABLE, reason=f"writing reward is {result.score}, not a usable number")
    return Writing(Status.OK, score=result.score)


def _verdict(result: VerifyResult) -> Verdict:
    if result.status is not Status.OK:
        lines = [f"{c.type}: {c.status}: {c.reason or 'no verdict'}" for c in result.constraints if c.passed is None]
        return Verdict(
            result.status, reasons=[result.reason] if result.reason else lines or [f"verdict: {result.status}"]
        )
    if result.passed is None:
        return Verdict(Status.UNPARSEABLE, reasons=["verdict has status ok and no value"])
    known = all(c.passed is not None for c in result.constraints)
    rules = [bool(c.passed) for c in result.constraints if c.source == "rule"]
    return Verdict(
        Status.OK,
        passed=result.passed,
        rule_share=(sum(rules) / len(rules) if rules else 1.0) if known else None,
        judge_passed=all(c.passed for c in result.constraints if c.source == "judge") if known else None,
        reasons=[f"{c.type}: {c.reason or 'failed'}" for c in result.constraints if c.passed is False],
    )
