"""What the upstreams said about one group, and who they were. A result is believed only if it is sound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rlmr.wire import ModelIdentity, SampleScore, SampleVerdict, Status, VerifierIdentity
from services.aggregator.mixing import MAX_REWARD

Identity = TypeVar("Identity", ModelIdentity, VerifierIdentity)


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
    met_share: float | None = None
    reasons: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where violations show, in characters of the text that was verified."""
    judge_could_not_read: bool = False
    """The verifier itself says unparseable: the judge's answer on this response is none. (A broken reply of the verifier's own has
    the same status, and is the machinery's.)"""


@dataclass(frozen=True, slots=True)
class Signals:
    """One entry per response, in order; None = not asked."""

    writing: list[Writing] | None
    verdicts: list[Verdict] | None
    model: ModelIdentity | None = None
    verifier: VerifierIdentity | None = None


def writing_of(result: SampleScore) -> Writing:
    if result.status is not Status.OK:
        return Writing(result.status, reason=result.reason or f"writing reward: {result.status}")
    if result.score is None or not math.isfinite(result.score) or abs(result.score) > MAX_REWARD:
        why = f"writing reward is {result.score}, not a number between {-MAX_REWARD:g} and {MAX_REWARD:g}"
        return Writing(Status.UNPARSEABLE, reason=why)
    return Writing(Status.OK, score=result.score)


def verdict_of(result: SampleVerdict) -> Verdict:
    if result.status is not Status.OK:
        lines = [f"{c.type}: {c.status}: {c.reason or 'no verdict'}" for c in result.constraints if c.passed is None]
        return Verdict(
            result.status,
            reasons=[result.reason] if result.reason else lines or [f"verdict: {result.status}"],
            judge_could_not_read=result.status is Status.UNPARSEABLE,
        )
    if result.passed is None:
        return Verdict(Status.UNPARSEABLE, reasons=["verdict has status ok and no value"])
    known = all(c.passed is not None for c in result.constraints)
    rules = [bool(c.passed) for c in result.constraints if c.source == "rule"]
    return Verdict(
        Status.OK,
        passed=result.passed,
        rule_share=_share(rules) if known else None,
        judge_passed=all(c.passed for c in result.constraints if c.source == "judge") if known else None,
        met_share=_share([bool(c.passed) for c in result.constraints]) if known else None,
        reasons=[f"{c.type}: {c.reason or 'failed'}" for c in result.constraints if c.passed is False],
        spans=sorted({span for c in result.constraints if c.passed is False for span in c.spans}),
    )


def _share(passed: Sequence[bool]) -> float:
    """1 where nothing was asked."""
    return sum(passed) / len(passed) if passed else 1.0


def one_identity(identities: Sequence[Identity | None]) -> Identity | None:
    """Who answered. Groups are asked one by one, so a request may meet two revisions during a rollout: then both are named."""
    known = [x for x in identities if x is not None]
    if not known:
        return None
    revisions = sorted({x.revision for x in known})
    return known[0] if len(revisions) == 1 else known[0].model_copy(update={"revision": ",".join(revisions)})
