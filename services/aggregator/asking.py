"""Asks both upstreams about one group, once each and at the same time. What their answers mean is decided in deciding.py."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import orjson
from pydantic import ValidationError

from rlmr.wire import ModelIdentity, RewardGroup, ScoreGroupsReply, Status, VerifierIdentity, VerifyGroupsReply
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.mixing import Strategy
from services.aggregator.settings import AggregatorSettings
from services.aggregator.signals import Signals, Verdict, Writing, verdict_of, writing_of
from services.aggregator.thinking import without_thinking
from services.aggregator.upstream import Upstream, UpstreamFailure

Answer = TypeVar("Answer", Writing, Verdict)
Reply = TypeVar("Reply", ScoreGroupsReply, VerifyGroupsReply)


@dataclass(frozen=True, slots=True)
class Call:
    """How a call is to be made."""

    deadline: float
    retries: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Question:
    """One group as a request for both upstreams, encoded before anything is sent."""

    group: RewardGroup
    """As it is scored and verified: without what was cut."""
    cut_chars: list[int]
    """Per response, characters of thinking that were cut."""
    positions: list[int]
    """Responses that are sent."""
    held_back: dict[int, tuple[Status, str]]
    """Responses that are not, with their status and the reason."""
    encoded: bytes
    """The group with the responses that are sent: both upstreams take it as it is, so it is encoded once."""
    mode: Literal["strict", "loose"]

    def score(self) -> bytes:
        return b'{"groups":[%b]}' % self.encoded

    def verify(self) -> bytes:
        return b'{"groups":[%b],"mode":"%b"}' % (self.encoded, self.mode.encode())


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

    async def ask(self, question: Question, need: Strategy, request_id: str) -> Signals:
        """One call to each upstream for the whole group. An upstream that the strategy does not need is asked only with `ask_all`,
        and then without retries. Never raises for an upstream's fault: its failure is the status of every sample."""
        deadline, ask_all = self.settings.deadline(len(question.encoded)), self.settings.ask_all

        def call(needed: bool) -> Call:
            return Call(deadline, self.settings.retries if needed else 0, request_id)

        async def writing() -> tuple[list[Writing] | None, ModelIdentity | None]:
            if not (need.needs_writing or ask_all):
                return None, None
            return await ask_writing(self.writing_rm, question, call(need.needs_writing))

        async def verdicts() -> tuple[list[Verdict] | None, VerifierIdentity | None]:
            if not (need.needs_verdict or ask_all):
                return None, None
            return await ask_verdicts(self.verifier, question, call(need.needs_verdict))

        (said, model), (judged, verifier) = await asyncio.gather(writing(), verdicts())
        signals = Signals(said, judged, model, verifier)
        self.metrics.count_signals(question.group.responses, signals)
        return signals


def encode(group: RewardGroup, cut_chars: list[int], mode: Literal["strict", "loose"], max_chars: int) -> Question:
    """Raises orjson.JSONEncodeError for a prompt that is not valid Unicode."""
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
    asked = {
        "id": group.id,
        "prompt": prompt,
        "constraints": constraints,
        "responses": [group.responses[i] for i in positions],
    }
    return Question(group, cut_chars, positions, held_back, orjson.dumps(asked), mode)


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def ask_writing(upstream: Upstream, question: Question, call: Call) -> tuple[list[Writing], ModelIdentity | None]:
    """One per response, in order."""
    given: list[Writing] = []
    model = None
    if question.positions:
        try:
            reply = await _reply(upstream, "score", question.score(), question, call, ScoreGroupsReply)
            given, model = [writing_of(r) for r in reply.groups[0].results], reply.model
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
            reply = await _reply(upstream, "verify", question.verify(), question, call, VerifyGroupsReply)
            given, verifier = [verdict_of(r) for r in reply.groups[0].results], reply.verifier
        except UpstreamFailure as failure:
            given = [Verdict(failure.status, reasons=[failure.reason])] * len(question.positions)
    return _merge(question, given, lambda status, why: Verdict(status, reasons=[why])), verifier


def _merge(question: Question, given: list[Answer], held_back: Callable[[Status, str], Answer]) -> list[Answer]:
    """One answer per response, in order: those of the samples that were sent, and the reasons of those that were not."""
    answers = dict(zip(question.positions, given, strict=True))
    answers.update({i: held_back(*why) for i, why in question.held_back.items()})
    return [answers[i] for i in range(len(question.group.responses))]


async def _reply(
    upstream: Upstream, path: str, body: bytes, question: Question, call: Call, kind: type[Reply]
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
    if [group.id for group in reply.groups] != [question.group.id]:
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: the reply is not for the group that was sent")
    given, sent = len(reply.groups[0].results), len(question.positions)
    if given != sent:
        raise UpstreamFailure(Status.UNPARSEABLE, f"{upstream.name}: {given} results for {sent} responses")
    return reply
