"""Length-matched pairs: length does not tell the choice any more, and no more pairs go than must."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy")

from trainer.data.matching import length_bias, matched

LENGTHS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=60)


@given(LENGTHS, st.integers(0, 3))
def test_longer_and_shorter_choices_are_equally_many(lengths: list[tuple[int, int]], seed: int) -> None:
    kept = matched(lengths, lengths, seed)
    assert sum(a > b for a, b in kept) == sum(a < b for a, b in kept)
    assert sum(a == b for a, b in kept) == sum(a == b for a, b in lengths), "equal lengths stay"
    assert kept == matched(lengths, lengths, seed), "the same again"


def test_a_strong_bias_is_shown_and_taken_out() -> None:
    rng = random.Random(0)
    lengths = [(rng.randint(40, 80), rng.randint(40, 80)) for _ in range(2000)]
    biased = [(max(p), min(p)) if rng.random() < 0.8 else (min(p), max(p)) for p in lengths]
    before = length_bias(biased)
    assert before.share is not None and before.share > 0.75
    after = length_bias(matched(biased, biased))
    assert after.share == 0.5
    assert after.auc == pytest.approx(0.5, abs=0.03)
    assert abs(after.mean_gap) < 1
    assert after.pairs > 0.35 * before.pairs, "two for every minority pair"


def test_the_measures_by_hand() -> None:
    bias = length_bias([(3, 1), (5, 2), (1, 2), (4, 4)])
    assert (bias.longer_chosen, bias.shorter_chosen, bias.equal) == (2, 1, 1)
    assert bias.share == pytest.approx(2 / 3)
    assert bias.mean_gap == pytest.approx(1.0)
    # chosen 3 5 1 4 against rejected 1 2 2 4: wins 3+4+0+3, ties 1 (1-1), 1 (4-4)
    assert bias.auc == pytest.approx((3 + 4 + 0 + 3 + 0.5 * 2) / 16)
    assert length_bias([]).share is None
