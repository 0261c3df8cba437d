"""Asks both upstreams about one group, at the same time, until each response has its answer or time is up. What the answers mean is
decided in deciding.py."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from pydantic import ValidationError

from rlmr.calls import backoff
from rlmr.mistake import first_wrong
from rlmr.wire import (
    Expected,
    FieldError,
    ModelIdentity,
    RewardGroup,
    ScoreGroupsReply,
    Status,
    VerifierIdentity,
    VerifyGroupsReply,
)
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.mixing import Strategy
from services.aggregator.question import Question, encode
from services.aggregator.settings import AggregatorSettings
from services.aggregator.signals import Signals, Verdict, Writing, verdict_of, writing_of
from services.aggregator.thinking import without_thinking
from services.aggregator.together import both
from services.aggregator.upstream import KeyRefused, Upstream, UpstreamFailure
from services.serving import ApiError

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer", Writing, Verdict)
Identity = TypeVar("Identity", ModelIdentity, VerifierIdentity)
Reply = TypeVar("Reply", ScoreGroupsReply, VerifyGroupsReply)

ASK_AGAIN = frozenset({Status.UNAVAILABLE, Status.TIMEOUT})
"""What may be otherwise the next time."""
UNREADABLE_REPEATS = 3
"""A reply that is cut short or not ours may come from something in between; one that stays so is the upstream's own fault."""
LONGEST_PAUSE = 30.0
"""Seconds before a response is asked about again, at most."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a request brings beside its groups."""

    request_id: str
    seconds: float | None = None
    """Until its caller leaves; None = it does not say."""
    expect: Expected = field(default_factory=Expected)


@dataclass(frozen=True, slots=True)
class Call:
    """How an upstream is to be asked."""

    needed: bool
    """Whether the strategy needs the answers; else they are for the report only."""
    deadline: float
    """Seconds for everything."""
    retries: float
    backoff: float
    """First pause in seconds; doubles."""
    request_id: str
    expected: str | None
    """Revision that must answer; None = any."""


class Asker:
    def __init__(
        self, settings: AggregatorSettings, writing_rm: Upstream, verifier: Upstream, metrics: AggregatorMetrics
    ) -> None:
        self.settings, self.metrics = settings, metrics
        self.writing_rm, self.verifier = writing_rm, verifier

    def encode(self, group: RewardGroup) -> Question:
        """Raises orjson.JSONEncodeError for a prompt that is not valid Unicode."""
        cut_chars = [0] * len(group.responses)
        if self.settings.thinking == "cut":
            answers = [without_thinking(text) for text in group.responses]
            cut_chars = [len(text) - len(answer) for text, answer in zip(group.responses, answers, strict=True)]
            group = group.model_copy(update={"responses": answers})
        return encode(group, cut_chars, self.settings.verify_mode, self.settings.max_chars)

    async def ask(self, question: Question, need: Strategy, given: Circumstances) -> Signals:
        """Asks each upstream about the whole group, and again about the responses without an answer. An upstream that the strategy
        does not need is asked only with `ask_all`, and then once. An upstream's failure is the status of every sample. Raises
        ApiError for what no repeat can mend: another revision than expected, a key that is not taken."""
        settings, ask_all = self.settings, self.settings.ask_all
        deadline = settings.deadline(len(question.encoded)) if given.seconds is None else given.seconds
        retries = math.inf if settings.retries is None else settings.retries

        def call(needed: bool, expected: str | None) -> Call:
            return Call(
                needed, deadline, retries if needed else 0, settings.backoff_seconds, given.request_id, expected
            )

        async def writing() -> tuple[list[Writing] | None, ModelIdentity | None]:
            if not (need.needs_writing or ask_all):
                return None, None
            return await ask_writing(self.writing_rm, question, call(need.needs_writing, given.expect.writing_rm))

        async def verdicts() -> tuple[list[Verdict] | None, VerifierIdentity | None]:
            if not (need.needs_verdict or ask_all):
                return None, None
            return await ask_verdicts(self.verifier, question, call(need.needs_verdict, given.expect.verifier))

        (said, model), (judged, verifier) = await both(writing(), verdicts())
        signals = Signals(said, judged, model, verifier)
        self.metrics.count_signals(question.group.responses, signals)
        return signals


async def ask_writing(upstream: Upstream, question: Question, call: Call) -> tuple[list[Writing], ModelIdentity | None]:
    """One per response, in order."""

    async def ask(positions: list[int], seconds: float) -> tuple[ModelIdentity, list[Writing]]:
        body = question.score(positions)
        reply = await _reply(
            upstream, "score", body, question.group.id, len(positions), seconds, call, ScoreGroupsReply
        )
        return reply.model, [writing_of(result) for result in reply.groups[0].results]

    return await _answers(upstream.name, question, call, ask, lambda status, why: Writing(status, reason=why))


async def ask_verdicts(
    upstream: Upstream, question: Question, call: Call
) -> tuple[list[Verdict], VerifierIdentity | None]:
    """As ask_writing."""

    async def ask(positions: list[int], seconds: float) -> tuple[VerifierIdentity, list[Verdict]]:
        body = question.verify(positions)
        reply = await _reply(
            upstream, "verify", body, question.group.id, len(positions), seconds, call, VerifyGroupsReply
        )
        return reply.verifier, [verdict_of(result) for result in reply.groups[0].results]

    return await _answers(upstream.name, question, call, ask, lambda status, why: Verdict(status, reasons=[why]))


async def _answers(
    name: str,
    question: Question,
    call: Call,
    ask: Callable[[list[int], float], Awaitable[tuple[Identity, list[Answer]]]],
    missing: Callable[[Status, str], Answer],
) -> tuple[list[Answer], Identity | None]:
    """All from one revision, whose identity comes with them. `ask`: about these responses, within so many seconds."""
    answers = {i: missing(*why) for i, why in question.held_back.items()}
    waiting, who, rounds, end = question.positions, None, 0, time.monotonic() + call.deadline
    while waiting:
        try:
            now, given = await ask(waiting, max(0.001, end - time.monotonic()))
        except UpstreamFailure as failure:
            if isinstance(failure, KeyRefused) and call.needed:
                raise ApiError(424, "upstream_key", failure.reason) from failure
            pause = backoff(rounds, call.backoff, LONGEST_PAUSE)
            unreadable = failure.status is Status.UNPARSEABLE and rounds < min(call.retries, UNREADABLE_REPEATS)
            if unreadable and time.monotonic() + pause < end:
                rounds += 1
                await asyncio.sleep(pause)
                continue
            # What an earlier round said of a response stands.
            answers = {**{i: missing(failure.status, failure.reason) for i in waiting}, **answers}
            break
        _as_expected(name, now.revision, call.expected)
        if who is not None and now.revision != who.revision and len(waiting) < len(question.positions):
            why = f"{name}: revision {who.revision} answered first and {now.revision} then, and two are not mixed"
            given = [missing(Status.UNAVAILABLE, why)] * len(question.positions)
            waiting, who = question.positions, None
        else:
            who = now
        answers.update(zip(waiting, given, strict=True))
        waiting = [i for i in waiting if answers[i].status in ASK_AGAIN]
        pause = backoff(rounds, call.backoff, LONGEST_PAUSE)
        if not waiting or rounds >= call.retries or time.monotonic() + pause >= end:
            break
        rounds += 1
        log.info("asked_again", upstream=name, samples=len(waiting), wait_s=round(pause, 3), request_id=call.request_id)
        await asyncio.sleep(pause)
    return [answers[i] for i in range(len(question.group.responses))], who


def _as_expected(name: str, revision: str, expected: str | None) -> None:
    if expected is None or expected == revision:
        return
    message = (
        f"{name} has revision {revision}, and {expected} is expected: rewards of the two do not compare. Serve that revision again, or "
        "start a new run with the one that is served"
    )
    raise ApiError(409, "revision_mismatch", message, [FieldError(path=f"expect.{name}", message=message)])


async def _reply(
    upstream: Upstream,
    path: str,
    body: bytes,
    group_id: str,
    sent: int,
    seconds: float,
    call: Call,
    kind: type[Reply],
) -> Reply:
    """The reply, if it answers what was asked. Raises UpstreamFailure."""
    content = await upstream.post(path, body, deadline=seconds, retries=call.retries, request_id=call.request_id)
    try:
        # Unknown fields are let through: during a rollout a newer service may say more.
        reply = kind.model_validate_json(content, extra="ignore")
    except ValidationError as exc:
        why = f"{upstream.name}: not a {kind.__name__}: {first_wrong(exc)}"
        raise UpstreamFailure(Status.UNPARSEABLE, why) from exc
    if [group.id for group in reply.groups] != [group_id]:
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: the reply is not for the group that was sent")
    given = len(reply.groups[0].results)
    if given != sent:
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: {given} results for {sent} responses")
    return reply
