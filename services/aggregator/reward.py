"""POST /reward: asks the upstreams, decides which samples count, mixes. Holds no state between requests."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from rlmr.wire import (
    Decision,
    DropReason,
    GroupDiagnostics,
    ModelIdentity,
    RewardGroup,
    RewardGroupResult,
    SampleDiagnostics,
    Status,
    VerifierIdentity,
)
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.mixing import BoundStrategy, GroupFilter, Samples
from services.aggregator.settings import AggregatorSettings
from services.aggregator.signals import Call, Question, Verdict, Writing, ask_verdicts, ask_writing, encode
from services.aggregator.upstream import Upstream

log = structlog.get_logger(__name__)

Identity = TypeVar("Identity", ModelIdentity, VerifierIdentity)

NOT_ASKED = "not_asked"
_NO_ANSWER = frozenset({Status.UNAVAILABLE, Status.TIMEOUT, Status.UNPARSEABLE})


@dataclass(frozen=True, slots=True)
class Signals:
    """What the upstreams said about one group; None = not asked."""

    writing: list[Writing] | None
    verdicts: list[Verdict] | None
    model: ModelIdentity | None
    verifier: VerifierIdentity | None


class Rewarder:
    def __init__(
        self, settings: AggregatorSettings, writing_rm: Upstream, verifier: Upstream, metrics: AggregatorMetrics
    ) -> None:
        self.settings, self.metrics = settings, metrics
        self.writing_rm, self.verifier = writing_rm, verifier
        self.filter = settings.filter()

    def encode(self, group: RewardGroup) -> Question:
        return encode(group, self.settings.verify_mode, self.settings.max_chars)

    async def ask(self, group: RewardGroup, question: Question, bound: BoundStrategy, request_id: str) -> Signals:
        """Both upstreams at once, one call each for the whole group. An upstream that the strategy does not need is asked only
        with `ask_all`, and then without retries."""
        deadline = self.settings.deadline(len(question.score))
        need, ask_all = bound.strategy, self.settings.ask_all

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
        self._count(group, signals)
        return signals

    async def group(
        self, group: RewardGroup, question: Question, bound: BoundStrategy, request_id: str
    ) -> tuple[RewardGroupResult, Signals]:
        signals = await self.ask(group, question, bound, request_id)
        result = decide(group, signals, bound, self.filter)
        self._count_decision(result, signals, bound)
        if result.decision is Decision.DROP:
            log.info(
                "group_dropped",
                group=group.id,
                strategy=bound.name,
                reason=result.reason,
                n=result.diagnostics.n,
                n_valid=result.diagnostics.n_valid,
                k=result.diagnostics.k,
                first_failure=next((s.reasons[0] for s in result.diagnostics.samples if s.reasons), None),
                request_id=request_id,
            )
        return result, signals

    def _count(self, group: RewardGroup, signals: Signals) -> None:
        # Counted first and looked up once per status: finding a labelled series costs more than adding to it.
        for upstream, answers in (("writing_rm", signals.writing), ("verifier", signals.verdicts)):
            for status, count in Counter(answer.status for answer in answers or []).items():
                self.metrics.samples.labels(upstream, status.value).inc(count)
        for passed, count in Counter(v.passed for v in signals.verdicts or [] if v.passed is not None).items():
            self.metrics.verdicts.labels("true" if passed else "false").inc(count)
        for w in signals.writing or []:
            if w.score is not None:
                self.metrics.writing.observe(w.score)
        if signals.writing:
            pairs = zip(signals.writing, group.responses, strict=True)
            correlation = pearson([(w.score, float(len(text))) for w, text in pairs if w.score is not None])
            if correlation is not None:
                self.metrics.length_correlation.observe(correlation)

    def _count_decision(self, result: RewardGroupResult, signals: Signals, bound: BoundStrategy) -> None:
        reason = result.reason.value if result.reason else ""
        self.metrics.groups.labels(bound.name, result.decision.value, reason).inc()
        if result.diagnostics.n_valid and signals.verdicts is not None:
            self.metrics.violators.labels(bound.name).observe(result.diagnostics.k / result.diagnostics.n_valid)
        if result.delta is not None:
            self.metrics.delta.observe(result.delta)


def decide(group: RewardGroup, signals: Signals, bound: BoundStrategy, rule: GroupFilter) -> RewardGroupResult:
    """Rewards of one group, or why it is dropped. Pure: what the upstreams said goes in, the decision comes out."""
    n, need = len(group.responses), bound.strategy
    writing: Sequence[Writing | None] = signals.writing or [None] * n
    verdicts: Sequence[Verdict | None] = signals.verdicts or [None] * n
    valid = [_counts(w, v, bound) for w, v in zip(writing, verdicts, strict=True)]
    chosen = [i for i in range(n) if valid[i]]
    r = [w.score for i in chosen if (w := writing[i]) and w.score is not None] if need.needs_writing else []
    passed = [v for i in chosen if (v := verdicts[i])] if need.needs_verdict else []
    violated = [not v.passed for v in passed]

    rewards: list[float | None] = [None] * n
    delta = None
    reason = _why_missing(signals, bound) if len(chosen) < rule.required(n) else None
    if reason is None:
        reason = rule.reason_to_drop(r, violated, must_mix=need.drops_all_violate)
    if reason is None:
        samples = Samples(
            writing=r,
            violated=violated,
            rule_share=[v.rule_share for v in passed if v.rule_share is not None] if need.needs_details else (),
            judge_passed=[v.judge_passed for v in passed if v.judge_passed is not None] if need.needs_details else (),
            group_size=n,
        )
        mixed = bound(samples)
        delta = mixed.delta
        for i, reward in zip(chosen, mixed.rewards, strict=True):
            rewards[i] = reward
    return RewardGroupResult(
        id=group.id,
        decision=Decision.TRAIN if reason is None else Decision.DROP,
        reason=reason,
        rewards=rewards,
        valid=valid,
        writing=[w.score if w else None for w in writing],
        violated=[None if v is None or v.passed is None else not v.passed for v in verdicts],
        delta=delta,
        diagnostics=_diagnose(writing, verdicts, rewards, chosen),
    )


def _counts(writing: Writing | None, verdict: Verdict | None, bound: BoundStrategy) -> bool:
    need = bound.strategy
    if need.needs_writing and (writing is None or writing.score is None):
        return False
    if need.needs_verdict and (verdict is None or verdict.passed is None):
        return False
    return not (need.needs_details and (verdict is None or verdict.rule_share is None))


def _why_missing(signals: Signals, bound: BoundStrategy) -> DropReason:
    """`unavailable` if a needed upstream gave no answer for any sample, `too_few_valid` if it answered for some."""
    need = bound.strategy
    silent_writing = need.needs_writing and all(w.status in _NO_ANSWER for w in signals.writing or [])
    silent_verdicts = need.needs_verdict and all(v.status in _NO_ANSWER for v in signals.verdicts or [])
    return DropReason.UNAVAILABLE if silent_writing or silent_verdicts else DropReason.TOO_FEW_VALID


def _diagnose(
    writing: Sequence[Writing | None],
    verdicts: Sequence[Verdict | None],
    rewards: list[float | None],
    chosen: list[int],
) -> GroupDiagnostics:
    given = [x for x in rewards if x is not None]
    group_mean = math.fsum(given) / len(given) if given else None
    violates = [i for i in chosen if (v := verdicts[i]) and v.passed is False]
    compliant = [x for i in chosen if (v := verdicts[i]) and v.passed and (x := rewards[i]) is not None]
    best_violator = max((x for i in violates if (x := rewards[i]) is not None), default=None)
    return GroupDiagnostics(
        n=len(rewards),
        n_valid=len(chosen),
        k=len(violates),
        group_mean=group_mean,
        compliant_below_mean=sum(x < group_mean for x in compliant) if group_mean is not None else 0,
        best_violator_above_compliant=sum(x < best_violator for x in compliant) if best_violator is not None else 0,
        samples=[
            SampleDiagnostics(
                score_status=w.status.value if w else NOT_ASKED,
                verify_status=v.status.value if v else NOT_ASKED,
                reasons=[*([w.reason] if w and w.reason else []), *(v.reasons if v else [])],
            )
            for w, v in zip(writing, verdicts, strict=True)
        ],
    )


def one_identity(identities: Sequence[Identity | None]) -> Identity | None:
    """Who answered. Groups are asked one by one, so a request may meet two revisions during a rollout: then both are named."""
    known = [x for x in identities if x is not None]
    if not known:
        return None
    revisions = sorted({x.revision for x in known})
    return known[0] if len(revisions) == 1 else known[0].model_copy(update={"revision": ",".join(revisions)})


def pearson(pairs: list[tuple[float, float]]) -> float | None:
    """Correlation of at least 3 pairs; None where it is undefined (fewer, or one side constant)."""
    if len(pairs) < 3:
        return None
    mean_x = math.fsum(x for x, _ in pairs) / len(pairs)
    mean_y = math.fsum(y for _, y in pairs) / len(pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    scale = math.sqrt(xx) * math.sqrt(yy)
    return xy / scale if scale > 0 else None
