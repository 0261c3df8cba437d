"""The two signals of a group: writing rewards and verdicts. A reply is believed only sample by sample, and only if it is sound."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

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


Answer = TypeVar("Answer", Writing, Verdict)
Reply = TypeVar("Reply", ScoreReply, VerifyReply)


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
    """Responses that are sent."""
    held_back: dict[int, tuple[Status, str]]
    """Responses that are not, with their status and the reason."""
    score: bytes
    verify: bytes


def encode(group: RewardGroup, mode: Literal["strict", "loose"], max_chars: int) -> Question:
    """Sample ids are positions in the group. Raises orjson.JSONEncodeError for a prompt that is not valid Unicode."""
    constraints = None if group.constraints is None else [c.model_dump(exclude_none=True) for c in group.constraints]
    if isinstance(group.prompt, str):
        prompt: object = group.prompt
        prompt_chars = len(group.prompt)
    else:
        prompt = [m.model_dump() for m in group.prompt]
        prompt_chars = sum(len(m.content) for m in group.prompt)
    held_back: dict[int, tuple[Status, str]] = {}
    for i, text in enumerate(group.responses):
        if max(prompt_chars, len(text)) > max_chars:
            held_back[i] = Status.TOO_LONG, f"prompt or response longer than {max_chars} characters"
        elif not _encodable(text):
            held_back[i] = Status.INVALID_INPUT, "the response holds a lone surrogate, which is not valid Unicode"
    positions = [i for i in range(len(group.responses)) if i not in held_back]
    samples = [{"id": str(i), "prompt": prompt, "response": group.responses[i]} for i in positions]
    return Question(
        n=len(group.responses),
        positions=positions,
        held_back=held_back,
        score=orjson.dumps({"samples": samples}),
        verify=orjson.dumps({"samples": [{**s, "constraints": constraints} for s in samples], "mode": mode}),
    )


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _merge(question: Question, given: list[Answer], held_back: Callable[[Status, str], Answer]) -> list[Answer]:
    """One answer per response, in order: those of the samples that were sent, and the reasons of those that were not."""
    answers = dict(zip(question.positions, given, strict=True))
    answers.update({i: held_back(*why) for i, why in question.held_back.items()})
    return [answers[i] for i in range(question.n)]


async def ask_writing(upstream: Upstream, question: Question, call: Call) -> tuple[list[Writing], ModelIdentity | None]:
    """One per response, in order. Never raises for an upstream's fault: its failure is the status of every sample."""
    given: list[Writing] = []
    model = None
    if question.positions:
        try:
            reply = await _reply(upstream, "score", question.score, question.positions, call, ScoreReply)
            given, model = [_writing(r) for r in reply.results], reply.model
        except UpstreamFailure as failure:
            given = [Writing(failure.status, reason=failure.reason)] * len(question.positions)
    return _merge(question, given, lambda status, why: Writing(status, reason=why)), model


async def ask_verdicts(
    upstream: Upstream, question: Question, call: Call
) -> tuple[list[Verdict], VerifierIdentity | None]:
    """As ask_writing."""
    given: list[Verdict] = []
    verifier = None
    if question.positions:
        try:
            reply = await _reply(upstream, "verify", question.verify, question.positions, call, VerifyReply)
            given, verifier = [_verdict(r) for r in reply.results], reply.verifier
        except UpstreamFailure as failure:
            given = [Verdict(failure.status, reasons=[failure.reason])] * len(question.positions)
    return _merge(question, given, lambda status, why: Verdict(status, reasons=[why])), verifier


async def _reply(
    upstream: Upstream, path: str, body: bytes, positions: list[int], call: Call, kind: type[Reply]
) -> Reply:
    """The reply, if it answers what was asked. Raises UpstreamFailure."""
    content = await upstream.post(path, body, deadline=call.deadline, retries=call.retries, request_id=call.request_id)
    try:
        # Unknown fields are let through: during a rollout a newer service may say more.
        reply = kind.model_validate_json(content, extra="ignore")
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: not a {kind.__name__}: {why}") from exc
    ids = [r.id for r in reply.results]
    if len(ids) != len(positions):
        why = f"{len(ids)} results for {len(positions)} samples"
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: {why}")
    if ids != [str(i) for i in positions]:
        why = "the results' ids are not those of the samples, in their order"
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: {why}")
    return reply


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
