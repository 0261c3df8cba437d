"""Who compares what, in which order, with which arm on which side: pure, drawn from a seed."""

import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.arena.folder import Contest

REPEAT_GAP = 10
"""Tasks between a pair and its hidden repeat, at least; half of a rater's tasks where there are fewer."""


@dataclass(frozen=True, order=True)
class Comparison:
    """Two arms on one prompt. `first` comes before `second` in the alphabet: which is on the left is the task's matter."""

    prompt: str
    first: str
    second: str


@dataclass(frozen=True)
class Task:
    """One thing for one rater to do."""

    comparison: int
    """Index of the comparison."""
    swapped: bool
    """Whether `second` is on the left."""
    repeat: bool = False
    """The rater has seen the pair before, with the sides the other way round."""


def comparisons(contest: Contest) -> list[Comparison]:
    """Every pair of arms on every prompt whose two responses differ: the same text twice asks nothing."""
    return [
        Comparison(prompt, first, second)
        for prompt in contest.prompts
        for first, second in itertools.combinations(contest.arms, 2)
        if contest.arms[first][prompt] != contest.arms[second][prompt]
    ]


def chosen(pairs: int, taken: Mapping[int, int], count: int, votes: int, rng: random.Random) -> list[int]:
    """`pairs` of `count` comparisons for the next rater. Those begun come before new ones until they have `votes` raters (agreement
    needs pairs that several people saw); after that, those with the fewest."""

    def turn(index: int) -> tuple[int, int, float]:
        raters = taken.get(index, 0)
        group = 0 if 0 < raters < votes else 1 if raters == 0 else 2
        return group, raters if group == 2 else -raters, rng.random()

    return sorted(range(count), key=turn)[:pairs]


def tasks(indices: Sequence[int], arms: Sequence[Comparison], repeats: float, rng: random.Random) -> list[Task]:
    """A rater's tasks in order. Half of the pairs of each two arms are swapped; a share `repeats` of all pairs comes again, swapped.

    `arms`: the comparison of every index."""
    by_arms: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in indices:
        by_arms[arms[index].first, arms[index].second].append(index)
    swapped: dict[int, bool] = {}
    for same in by_arms.values():
        # One half each, the odd one by a coin: a rater who always says "left" must not favour an arm.
        sides = [False, True] * (len(same) // 2) + [rng.random() < 0.5] * (len(same) % 2)
        rng.shuffle(sides)
        swapped.update(zip(same, sides, strict=True))
    order = [Task(index, swapped[index]) for index in rng.sample(indices, len(indices))]
    gap = min(REPEAT_GAP, len(order) // 2)
    wanted = round(repeats * len(order)) if len(order) >= 2 else 0
    again = rng.sample(order[: len(order) - gap], min(wanted, len(order) - gap)) if wanted else []
    for task in again:
        earliest = order.index(task) + gap + 1
        order.insert(rng.randint(earliest, len(order)), Task(task.comparison, not task.swapped, repeat=True))
    return order
