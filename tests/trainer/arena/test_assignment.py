"""Who compares what: balance, blindness of the order, hidden repeats."""

import random
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.assignment import REPEAT_GAP, Comparison, Task, chosen, comparisons, tasks
from trainer.arena.folder import read_contest


def test_all_pairs_of_arms_are_compared_but_not_a_text_with_itself(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, prompts=2, arms=("a", "b", "c"))
    assert len(comparisons(read_contest(folder))) == 6
    write_lines(folder / "b.jsonl", [{"id": f"p{i}", "response": f"Text {i} of somebody."} for i in range(2)])
    found = comparisons(read_contest(folder))
    assert [(c.first, c.second) for c in found] == [("a", "c"), ("b", "c")] * 2


@given(count=st.integers(1, 80), arms=st.integers(1, 3), repeats=st.floats(0, 1), seed=st.integers(0, 99))
def test_every_pair_once_half_swapped_and_repeats_far_behind_the_other_way_round(
    count: int, arms: int, repeats: float, seed: int
) -> None:
    pairs = [Comparison(f"p{i}", "a", "bcd"[i % arms]) for i in range(count)]
    own = tasks(range(count), pairs, repeats, random.Random(seed))
    first = [task for task in own if not task.repeat]
    assert sorted(task.comparison for task in first) == list(range(count))
    for arm in "bcd":
        same = [task.swapped for task in first if pairs[task.comparison].second == arm]
        assert abs(2 * sum(same) - len(same)) <= 1
    again = [task for task in own if task.repeat]
    gap = min(REPEAT_GAP, count // 2)
    assert len(again) == (min(round(repeats * count), count - gap) if count > 1 else 0)
    for task in again:
        before = own.index(Task(task.comparison, not task.swapped))
        assert own.index(task) - before > gap


def test_raters_differ_and_a_seed_says_how() -> None:
    pairs = [Comparison(f"p{i}", "a", "b") for i in range(30)]
    drawn = [tasks(range(30), pairs, 0.1, random.Random(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert sum(s.swapped != t.swapped for s, t in zip(drawn[0], drawn[2], strict=True)) > 5


def test_where_raters_see_a_part_pairs_get_their_votes_before_new_ones_are_begun() -> None:
    taken: Counter[int] = Counter()
    rng = random.Random(0)
    for _ in range(6):
        taken.update(chosen(10, taken, 20, 3, rng))
    assert sorted(taken.values()) == [3] * 20
    taken.update(chosen(10, taken, 20, 3, rng))  # everything has its votes: further raters are spread
    assert sorted(taken.values()) == [3] * 10 + [4] * 10
