"""One run under several strategies at once, group by group; nothing is kept but counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.aggregator.deciding import Decided, reward_group
from services.aggregator.mixing import BoundStrategy, GroupFilter
from trainer.replay.advantages import advantages
from trainer.replay.pull import Moments, Pull, Spread, nearest
from trainer.replay.stored import NotReplayable, StoredGroup, StoredRun


@dataclass
class Replay:
    """What one strategy makes of a run."""

    label: str
    groups: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    """Groups by reason."""
    newly_kept: int = 0
    """Groups that the run dropped and this strategy trains on."""
    newly_dropped: int = 0
    samples: int = 0
    """Valid samples of groups that are trained on."""
    violators: int = 0
    violators_above_zero: int = 0
    """With a positive advantage."""
    compliant: int = 0
    compliant_below_zero: int = 0
    compared: int = 0
    """Valid samples of groups that both the run and this strategy train on."""
    other_sign: int = 0
    """Of those, samples whose advantage changes its sign."""
    other_reward: int = 0
    """Groups whose rewards, reason or delta differ from the run's in any bit."""
    pull_on_writing: float | None = None
    """Over the groups in which anyone complies (pull.py), in standard deviations of the reference set; None without one."""
    pull_on_compliance: float | None = None
    reach: float | None = None
    """Share of the most that any advantages could have, 1 at most; None where nothing can be exchanged."""
    like_weight: float | None = None
    """The weight of `linear` to which the pulls come nearest; None beside a reach: compliance alone."""


@dataclass(frozen=True, slots=True)
class ReplayedGroup:
    stored: StoredGroup
    decided: Decided
    advantages: list[float] | None
    """None = dropped."""
    advantages_then: list[float] | None
    """From the rewards that the run sent."""


def reward_stored(run: StoredRun, group: StoredGroup, bound: BoundStrategy, rule: GroupFilter) -> Decided:
    """One stored group under one strategy. A threshold that followed the run is the group's own, unless `rule` has a number for it;
    so is the run's own strategy's price.
    Raises NotReplayable where the strategy needs what the run never asked for."""
    for needed, given, what in (
        (bound.strategy.needs_writing, group.signals.writing, "writing rewards"),
        (bound.strategy.needs_verdict, group.signals.verdicts, "verdicts"),
    ):
        if needed and given is None:
            raise NotReplayable(
                f"strategy {bound.name} needs {what}, and this run ({run.strategy['name']}) asked for none"
            )
    if group.price and _is_the_runs(run, bound):
        bound = replace(bound, params=bound.params.model_copy(update=group.price))
    followed = {name: value for name, value in group.thresholds.items() if getattr(rule, name) is None}
    return reward_group(group.signals, group.texts, bound, rule.model_copy(update=followed))


def _is_the_runs(run: StoredRun, bound: BoundStrategy) -> bool:
    given = bound.params.model_dump()
    return bool(run.strategy) and all(given.get(name) == value for name, value in run.strategy.items())


Asked = tuple[str, BoundStrategy]
"""A strategy with its label."""


def replay(
    run: StoredRun,
    asked: Sequence[Asked],
    rule: GroupFilter,
    renewed: Callable[[Iterator[StoredGroup]], Iterator[StoredGroup]] = iter,
) -> list[Replay]:
    """One Replay a strategy, from one pass over the ledger, under the run's estimator. `renewed`: what gives the groups other signals
    (renewing.py). Raises NotReplayable where a strategy needs what the run never asked for."""
    results = [Replay(label) for label, _ in asked]
    pulls, spread = [Pull() for _ in asked], Spread()
    for stored in renewed(run.groups()):
        valid_then = [reward is not None for reward in stored.rewards]
        then = None if stored.reason else advantages(stored.rewards, valid_then, run.estimator)
        moments = _moments(stored)
        if moments is not None:
            spread.add(moments)
        for result, pull, (_, bound) in zip(results, pulls, asked, strict=True):
            decided = reward_stored(run, stored, bound, rule)
            now = None if decided.reason else advantages(decided.rewards, decided.valid, run.estimator)
            _count(result, ReplayedGroup(stored, decided, now, then))
            if moments is not None:
                pull.add(now, moments)
    if not results or not results[0].groups:
        raise NotReplayable(f"{run.folder}: the ledger holds no training group")
    if spread.samples:
        for result, pull in zip(results, pulls, strict=True):
            result.pull_on_writing, result.pull_on_compliance = found = pull.on(spread)
            result.reach, result.like_weight = nearest(found, spread)
    return results


def _moments(stored: StoredGroup) -> Moments | None:
    """None where the run did not ask for both signals."""
    signals = stored.signals
    if signals.writing is None or signals.verdicts is None:
        return None
    return Moments.of([w.score for w in signals.writing], [v.passed for v in signals.verdicts])


def _count(result: Replay, group: ReplayedGroup) -> None:
    stored, decided = group.stored, group.decided
    result.groups += 1
    result.other_reward += (decided.rewards, decided.reason, decided.delta) != (
        stored.rewards,
        stored.reason,
        stored.delta,
    )
    if group.advantages is None:
        reason = str(decided.reason)
        result.dropped[reason] = result.dropped.get(reason, 0) + 1
        result.newly_dropped += stored.reason is None
        return
    result.newly_kept += stored.reason is not None
    verdicts: Sequence[Any] = stored.signals.verdicts or [None] * len(decided.valid)
    for i, advantage in enumerate(group.advantages):
        if not decided.valid[i]:
            continue
        result.samples += 1
        passed = verdicts[i].passed if verdicts[i] is not None else None
        if passed is False:
            result.violators += 1
            result.violators_above_zero += advantage > 0
        elif passed:
            result.compliant += 1
            result.compliant_below_zero += advantage < 0
        if group.advantages_then is not None and stored.rewards[i] is not None:
            result.compared += 1
            result.other_sign += _sign(advantage) != _sign(group.advantages_then[i])


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)
