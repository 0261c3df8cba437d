"""The groups of a run that a report shows: few of many, each explained under several strategies."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.aggregator.mixing import BoundStrategy, GroupFilter
from trainer.replay.asked import strategy_asked
from trainer.replay.explaining import Column, Explained, explain
from trainer.replay.stored import NotReplayable, StoredGroup, StoredRun

EACH = 40
"""Groups of each sort."""
LOOKED_INTO = 2000
"""Groups, evenly over the run, that are replayed to find those that another strategy would have treated otherwise."""
OTHERS = ("quality_only", "verify_only", "linear", "rlmr", "rlmr_partial")


@dataclass(order=True, slots=True)
class _Ranked:
    score: float
    place: int
    group: StoredGroup = field(compare=False)


def shown_groups(run: StoredRun, count: int) -> list[dict[str, Any]]:
    """In the order of training. `count`: training groups of the run. One pass over the ledger, and memory for what is shown alone.

    Raises NotReplayable."""
    rng, every = random.Random(0), max(1, count // LOOKED_INTO)
    rule, own = GroupFilter(**run.filter), str(run.strategy["name"])
    asked = [(name, strategy_asked(name)) for name in OTHERS if name != own]
    best: list[_Ranked] = []
    sorts: dict[str, list[tuple[int, StoredGroup]]] = {"dropped": [], "changed": [], "sample": []}
    seen = dict.fromkeys(sorts, 0)

    def maybe(sort: str, place: int, group: StoredGroup) -> None:
        """Reservoir sampling: each of a sort has the same chance."""
        seen[sort] += 1
        if len(sorts[sort]) < EACH:
            sorts[sort].append((place, group))
        elif (i := rng.randrange(seen[sort])) < EACH:
            sorts[sort][i] = (place, group)

    for place, group in enumerate(run.groups(), 1):
        if (score := _best_violator(group)) is not None:
            ranked = _Ranked(score, place, group)
            heapq.heappush(best, ranked) if len(best) < EACH else heapq.heappushpop(best, ranked)
        if group.reason is not None:
            maybe("dropped", place, group)
        if place % every == 0:
            maybe("sample", place, group)
            if group.reason is None and _changed(explain(run, group, asked, rule)):
                maybe("changed", place, group)
    chosen: dict[int, tuple[StoredGroup, set[str]]] = {}
    for sort, place, group in _all(best, sorts):
        chosen.setdefault(place, (group, set()))[1].add(sort)
    return [_told(run, place, group, marks, asked, rule) for place, (group, marks) in sorted(chosen.items())]


def _all(
    best: list[_Ranked], sorts: dict[str, list[tuple[int, StoredGroup]]]
) -> Iterator[tuple[str, int, StoredGroup]]:
    for ranked in best:
        yield "violator", ranked.place, ranked.group
    for sort, pairs in sorts.items():
        for place, group in pairs:
            yield sort, place, group


def _best_violator(group: StoredGroup) -> float | None:
    """Highest writing score of a violator, in a group that was trained on."""
    if group.reason is not None or group.signals.writing is None or group.signals.verdicts is None:
        return None
    pairs = zip(group.signals.writing, group.signals.verdicts, strict=True)
    return max((w.score for w, v in pairs if v.passed is False and w.score is not None), default=None)


def _changed(explained: Explained) -> bool:
    """Whether some other strategy gives some sample an advantage of the other sign, or drops the group."""
    then = explained.then.advantages
    if then is None:
        return False
    return any(
        other.advantages is None or any(a * b < 0 for a, b in zip(then, other.advantages, strict=True))
        for other in explained.others
        if other.advantages is not None or other.note in ("all_violate", "all_high", "all_low")
    )


def _told(
    run: StoredRun,
    place: int,
    group: StoredGroup,
    marks: set[str],
    asked: list[tuple[str, BoundStrategy]],
    rule: GroupFilter,
) -> dict[str, Any]:
    explained = explain(run, group, asked, rule)
    writing, verdicts = group.signals.writing, group.signals.verdicts
    return {
        "place": place,
        "id": group.prompt_id,
        "step": group.step,
        "prompt": group.prompt,
        "constraints": group.constraints,
        "reason": group.reason,
        "delta": group.delta,
        "mean": explained.then.group_mean,
        "marks": sorted(marks),
        "columns": [_column(c) for c in (explained.then, *explained.others)],
        "responses": [
            {
                "text": text,
                "writing": writing[i].score if writing else None,
                "violates": None if not verdicts or verdicts[i].passed is None else not verdicts[i].passed,
                "why": group.failed[i],
                "spans": group.spans[i] if group.spans else [],
                "reward": group.rewards[i],
            }
            for i, text in enumerate(group.texts)
        ],
    }


def _column(column: Column) -> dict[str, Any]:
    advantages = column.advantages
    return {
        "label": column.label,
        "note": column.note,
        "advantages": None if advantages is None else [round(a, 3) for a in advantages],
    }


__all__ = ["NotReplayable", "shown_groups"]
