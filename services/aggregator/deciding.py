"""Decides what the signals of a group mean: which samples count, whether the group is kept, and its rewards. Pure: no I/O."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rlmr.wire import (
    Decision,
    DropReason,
    GroupDiagnostics,
    PolicyFault,
    RewardGroup,
    RewardGroupResult,
    SampleDiagnostics,
    Status,
)
from services.aggregator.faults import as_violations, policy_faults
from services.aggregator.mixing import AllViolate, BoundStrategy, GroupFilter, Samples, Strategy
from services.aggregator.mixing.likeness import likeness
from services.aggregator.signals import Signals, Verdict, Writing

NOT_ASKED = "not_asked"
_NO_ANSWER = frozenset({Status.UNAVAILABLE, Status.TIMEOUT, Status.UNPARSEABLE})


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a sample does not count: the status of the first thing that the strategy needs and that is not there."""

    status: Status
    reasons: list[str]


def what_is_missing(signals: Signals, need: Strategy, n: int) -> list[Missing | None]:
    """One per response; None = the sample counts, i.e. everything the strategy needs of it exists. The one place where this is
    decided. Raises ValueError if the strategy needs an upstream that was not asked."""
    if need.needs_writing and signals.writing is None:
        raise ValueError(f"strategy {need.name} needs writing rewards, and the writing reward model was not asked")
    if need.needs_verdict and signals.verdicts is None:
        raise ValueError(f"strategy {need.name} needs verdicts, and the verifier was not asked")
    missing: list[Missing | None] = [None] * n
    if need.needs_verdict:
        for i, v in enumerate(signals.verdicts or ()):
            if v.passed is None:
                missing[i] = Missing(v.status, v.reasons)
            elif need.needs_details and v.rule_share is None:
                missing[i] = Missing(Status.UNVERIFIABLE, v.reasons or ["a constraint has no verdict of its own"])
    if need.needs_writing:
        for i, w in enumerate(signals.writing or ()):
            if w.score is None:
                missing[i] = Missing(w.status, [w.reason] if w.reason else [])
    return missing


def samples_of(signals: Signals, need: Strategy, chosen: Sequence[int], texts: Sequence[str]) -> Samples:
    """The chosen samples, which must count, with what the strategy needs of them and nothing else. `texts`: of the whole group."""
    said, judged = signals.writing or [], signals.verdicts or []
    writing = [said[i] for i in chosen] if need.needs_writing else []
    verdicts = [judged[i] for i in chosen] if need.needs_verdict else []
    detailed = verdicts if need.needs_details else []
    return Samples(
        writing=[w.score for w in writing if w.score is not None],
        violated=[not v.passed for v in verdicts],
        rule_share=[v.rule_share for v in detailed if v.rule_share is not None],
        judge_passed=[v.judge_passed for v in detailed if v.judge_passed is not None],
        met_share=[v.met_share for v in detailed if v.met_share is not None],
        likeness=likeness([texts[i] for i in chosen]) if need.needs_likeness else (),
        group_size=len(texts),
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """Per response a reward (null for an invalid sample, and for all of a dropped group) and whether it counts."""

    rewards: list[float | None]
    valid: list[bool]
    reason: DropReason | None
    """Why the group is dropped; None = it is trained on."""
    delta: float | None


def reward_group(signals: Signals, texts: Sequence[str], bound: BoundStrategy, rule: GroupFilter) -> Decided:
    """The filter and the strategy on one group whose policy faults are violations already (as_violations); `texts`: its n
    responses. Raises MixingError where the strategy has no answer."""
    need, n = bound.strategy, len(texts)
    missing = what_is_missing(signals, need, n)
    valid = [m is None for m in missing]
    chosen = [i for i in range(n) if valid[i]]
    rewards: list[float | None] = [None] * n
    if len(chosen) < rule.required(n):
        return Decided(rewards, valid, _why_too_few(signals, need), None)
    samples = samples_of(signals, need, chosen, texts)
    reason = rule.reason_to_drop(samples.writing, samples.violated, ranks_all_violate=need.ranks_all_violate)
    if reason is not None:
        return Decided(rewards, valid, reason, None)
    try:
        mixed = bound(samples)
    except AllViolate:
        return Decided(rewards, valid, DropReason.ALL_VIOLATE, None)
    for i, reward in zip(chosen, mixed.rewards, strict=True):
        rewards[i] = reward
    return Decided(rewards, valid, None, mixed.delta)


def decide(
    group: RewardGroup,
    cut_chars: Sequence[int],
    given: Signals,
    bound: BoundStrategy,
    rule: GroupFilter,
    fault_kinds: Collection[PolicyFault] = frozenset(PolicyFault),
) -> RewardGroupResult:
    """Rewards of one group of n responses, or why it is dropped. `given`: what the upstreams said. Raises MixingError where the
    strategy has no answer."""
    n = len(group.responses)
    faults = policy_faults(group, given, fault_kinds)
    signals = as_violations(given, faults)
    decided = reward_group(signals, group.responses, bound, rule)
    writing: Sequence[Writing | None] = given.writing or [None] * n
    verdicts: Sequence[Verdict | None] = signals.verdicts or [None] * n
    diagnostics = _diagnose(writing, verdicts, decided)
    for i, sample in enumerate(diagnostics.samples):
        sample.fault, sample.cut_chars = faults[i], cut_chars[i]
        if (verdict := verdicts[i]) is not None:
            sample.spans = [(start + cut_chars[i], end + cut_chars[i]) for start, end in verdict.spans]
        if given.verdicts:
            sample.verify_status = given.verdicts[i].status.value
    return RewardGroupResult(
        id=group.id,
        decision=Decision.TRAIN if decided.reason is None else Decision.DROP,
        reason=decided.reason,
        rewards=decided.rewards,
        valid=decided.valid,
        writing=[w.score if w else None for w in writing],
        violated=[None if v is None or v.passed is None else not v.passed for v in verdicts],
        delta=decided.delta,
        diagnostics=diagnostics,
    )


def _why_too_few(signals: Signals, need: Strategy) -> DropReason:
    """`unavailable` if a needed upstream gave no answer for any sample, `too_few_valid` if it answered for some."""
    silent_writing = need.needs_writing and all(w.status in _NO_ANSWER for w in signals.writing or [])
    silent_verdicts = need.needs_verdict and all(v.status in _NO_ANSWER for v in signals.verdicts or [])
    return DropReason.UNAVAILABLE if silent_writing or silent_verdicts else DropReason.TOO_FEW_VALID


def _diagnose(
    writing: Sequence[Writing | None],
    verdicts: Sequence[Verdict | None],
    decided: Decided,
) -> GroupDiagnostics:
    rewards, chosen = decided.rewards, [i for i, ok in enumerate(decided.valid) if ok]
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
                rule_share=v.rule_share if v else None,
                judge_passed=v.judge_passed if v else None,
                met_share=v.met_share if v else None,
            )
            for w, v in zip(writing, verdicts, strict=True)
        ],
    )
