"""The policy's own faults, which are violations: a response that is empty, over-long, cut off, or that the judge cannot read.

Only the machinery's failures leave a sample without a reward. Were the policy's own failures left out as well, they would get
advantage 0, better than any violation: a policy would drift into them, and nothing would push it back.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from rlmr.wire import PolicyFault, RewardGroup, Status
from services.aggregator.signals import Signals, Verdict, Writing

SAID = {
    PolicyFault.EMPTY: "the response is empty",
    PolicyFault.TOO_LONG: "the response is longer than the services take, and a sibling's is not",
    PolicyFault.CUT_OFF: "the response was cut off before its end",
    PolicyFault.UNPARSEABLE: "the judge cannot read this response, and it could a sibling's",
}


def policy_faults(group: RewardGroup, signals: Signals, kinds: Collection[PolicyFault]) -> list[PolicyFault | None]:
    """One per response, of the `kinds` that count; None = no fault of the policy.

    too_long and unparseable are the policy's only if a sibling, with the same prompt and constraints, was not: what befalls all
    of a group is the prompt's doing or the machinery's."""
    n = len(group.responses)
    too_long = _unlike_siblings(n, Status.TOO_LONG, signals.writing, signals.verdicts)
    unread = {i for i, v in enumerate(signals.verdicts or ()) if v.judge_could_not_read}
    unparseable = unread & _unlike_siblings(n, Status.UNPARSEABLE, signals.verdicts)

    def fault(i: int) -> PolicyFault | None:
        if not group.responses[i].strip():
            return PolicyFault.EMPTY
        if i in too_long:
            return PolicyFault.TOO_LONG
        if group.finished is not None and not group.finished[i]:
            return PolicyFault.CUT_OFF
        return PolicyFault.UNPARSEABLE if i in unparseable else None

    found = [fault(i) for i in range(n)]
    return [kind if kind in kinds else None for kind in found]


def _unlike_siblings(n: int, status: Status, *answers: Sequence[Writing] | Sequence[Verdict] | None) -> set[int]:
    """Samples with this status from an upstream that gave another sample of the group an answer."""
    found: set[int] = set()
    for given in answers:
        if given and any(answer.status is Status.OK for answer in given):
            found.update(i for i in range(n) if given[i].status is status)
    return found


def as_violations(signals: Signals, faults: Sequence[PolicyFault | None]) -> Signals:
    """The signals that the strategy sees: at fault = violated, with its own writing reward or, without one, the worst that a
    sibling got. (Where no sibling has one there is nothing to stand in, and the sample stays without.)"""
    if not any(faults):
        return signals
    writing, verdicts = signals.writing, signals.verdicts
    if writing is not None:
        worst = min((w.score for w in writing if w.score is not None), default=None)
        stand_in = None if worst is None else Writing(Status.OK, score=worst)
        writing = [
            stand_in if fault and w.score is None and stand_in else w for w, fault in zip(writing, faults, strict=True)
        ]
    if verdicts is not None:
        verdicts = [
            Verdict(
                Status.OK,
                passed=False,
                rule_share=0.0,
                judge_passed=False,
                met_share=0.0,
                reasons=[SAID[fault], *v.reasons],
                spans=v.spans,
            )
            if fault
            else v
            for v, fault in zip(verdicts, faults, strict=True)
        ]
    return replace(signals, writing=writing, verdicts=verdicts)
