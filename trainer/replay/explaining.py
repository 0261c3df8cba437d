"""One stored group under several strategies, sample by sample."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.aggregator.mixing import BoundStrategy, GroupFilter
from trainer.replay.advantages import advantages
from trainer.replay.replaying import reward_stored
from trainer.replay.stored import NotReplayable, StoredGroup, StoredRun


@dataclass(frozen=True, slots=True)
class Column:
    """What one strategy makes of the group."""

    label: str
    advantages: list[float] | None
    """None = it drops the group, or cannot be asked."""
    note: str | None
    """Why there are none."""
    delta: float | None = None
    group_mean: float | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    group: StoredGroup
    then: Column
    """From the rewards that the run sent."""
    others: list[Column]


def find(run: StoredRun, wanted: str) -> StoredGroup:
    """`wanted`: a prompt's id, with `@STEP` where it was drawn more than once; or a number, the group's place in the ledger from 1.

    Raises NotReplayable naming a few that there are."""
    name, _, step = wanted.partition("@")
    seen: list[str] = []
    for i, group in enumerate(run.groups(), 1):
        if wanted == str(i) or (group.prompt_id == name and (not step or str(group.step) == step)):
            return group
        seen.append(group.prompt_id)
    some = ", ".join(dict.fromkeys(seen[:5]))
    raise NotReplayable(
        f"no training group {wanted} in {run.folder}: give a number from 1 to {len(seen)}, or a prompt's id such as {some}"
    )


def explain(
    run: StoredRun, group: StoredGroup, asked: Sequence[tuple[str, BoundStrategy]], rule: GroupFilter
) -> Explained:
    """`asked`: strategies with their labels."""
    valid = [reward is not None for reward in group.rewards]
    made = None if group.reason else advantages(group.rewards, valid, run.estimator)
    then = Column(str(run.strategy["name"]), made, group.reason, group.delta, _mean(group.rewards))
    return Explained(group, then, [_column(run, group, label, bound, rule) for label, bound in asked])


def _column(run: StoredRun, group: StoredGroup, label: str, bound: BoundStrategy, rule: GroupFilter) -> Column:
    try:
        decided = reward_stored(run, group, bound, rule)
    except NotReplayable as exc:
        return Column(label, None, str(exc))
    if decided.reason:
        return Column(label, None, str(decided.reason))
    made = advantages(decided.rewards, decided.valid, run.estimator)
    return Column(label, made, None, decided.delta, _mean(decided.rewards))


def _mean(rewards: Sequence[float | None]) -> float | None:
    known = [r for r in rewards if r is not None]
    return sum(known) / len(known) if known else None
