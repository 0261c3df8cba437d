"""How alike siblings are, and what rlmr_diverse makes of it."""

import random

import pytest

from services.aggregator.mixing import Samples, bind
from services.aggregator.mixing.likeness import likeness
from tests.services.aggregator.conftest import Bench


def test_alike_and_different() -> None:
    assert likeness(["The grey sea.", "the grey, sea!"]) == [1.0, 1.0]
    assert likeness(["The grey sea.", "A green hill"]) == [0.0, 0.0]
    assert likeness(["one two three", "one two four", "five six seven"]) == pytest.approx([1 / 6, 1 / 6, 0.0])
    assert likeness(["alone"]) == [0.0]
    assert likeness(["", ""]) == [1.0, 1.0]


def test_chinese_counts_characters() -> None:
    assert likeness(["他走进森林", "他走进城市"]) == pytest.approx([2 / 6, 2 / 6])


def test_it_is_symmetric_bounded_and_blind_to_the_order_of_siblings() -> None:
    rng = random.Random(4)
    for _ in range(200):
        texts = [" ".join(rng.choices("abcdef", k=rng.randint(0, 8))) for _ in range(rng.randint(1, 6))]
        found = dict(zip(texts, likeness(texts), strict=True))
        assert all(0.0 <= value <= 1.0 for value in found.values())
        shuffled = rng.sample(texts, len(texts))
        assert dict(zip(shuffled, likeness(shuffled), strict=True)) == pytest.approx(found)


def test_the_sample_that_says_something_else_gains_on_its_equals() -> None:
    samples = Samples(writing=[1.0] * 4, violated=[False] * 4, likeness=[0.6, 0.6, 0.6, 0.0])
    rewards = bind("rlmr_diverse", {"diversity": 2.0, "diversity_unit": "reference"})(samples).rewards
    assert rewards == pytest.approx([-0.2, -0.2, -0.2, 1.0])


def test_in_the_groups_unit_likeness_spreads_rewards_as_writing_does_however_alike_siblings_are() -> None:
    """Two ways apart that have nothing to do with each other: what is left is the difference of the two z-scores."""
    writing, alike = [0.1, 0.1, 0.3, 0.3], [0.15, 0.18, 0.15, 0.18]
    z = [x - y for x, y in zip([-1, -1, 1, 1], [-1, 1, -1, 1], strict=True)]
    for scale in (1.0, 5.0):
        for narrow in (1.0, 0.7):
            samples = Samples([scale * r for r in writing], [False] * 4, likeness=[narrow * x for x in alike])
            rewards = bind("rlmr_diverse", {"diversity": 1.0})(samples).rewards
            mean = sum(rewards) / 4
            assert [(r - mean) / (0.1 * scale) for r in rewards] == pytest.approx(z)


def test_texts_that_are_all_equally_alike_keep_what_they_wrote() -> None:
    for alike in (0.0, 0.5, 1.0):
        rewards = bind("rlmr_diverse", {})(Samples([1.0, 2.0, 4.0], [False] * 3, likeness=[alike] * 3)).rewards
        assert [r - rewards[0] for r in rewards] == pytest.approx([0.0, 1.0, 3.0])
    by_chance = bind("rlmr_diverse", {})(Samples([1.0, 2.0, 4.0], [False] * 3, likeness=[0.5, 0.5 + 1e-9, 0.5])).rewards
    assert [r - by_chance[0] for r in by_chance] == pytest.approx([0.0, 1.0, 3.0], abs=1e-6)


def test_over_the_wire(bench: Bench) -> None:
    group = bench.group(
        "w=1 the same old words", "w=1 the same old words", "w=1 all is new here", strategy="rlmr_diverse"
    )
    first, second, third = group["rewards"]
    assert first == second < third
    assert group["writing"] == [1.0, 1.0, 1.0]  # what the model said, before any adjustment
