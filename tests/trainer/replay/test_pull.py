"""No advantages pull further than those of a fixed weight that is only centred, on any exchange of compliance for writing."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.mixing import STRATEGIES, GroupFilter
from tests.trainer.replay.test_replay import RLMR, run_of
from trainer.replay.advantages import ESTIMATORS
from trainer.replay.asked import strategy_asked
from trainer.replay.pull import Moments, Pull, Spread, nearest
from trainer.replay.replaying import Asked, replay
from trainer.replay.stored import StoredRun, read_run

Drawn = list[tuple[list[float], list[bool]]]
lists_of_groups: st.SearchStrategy[Drawn] = st.lists(
    st.integers(2, 6).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(-5, 5), min_size=n, max_size=n),
            st.lists(st.booleans(), min_size=n, max_size=n),
        )
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return read_run(run_of(tmp_path_factory.mktemp("runs") / "run", RLMR, groups=200, n=6))


WEIGHTS = (0.1, 0.5, 1.0, 2.0, 8.0)


def asked(*names: str) -> list[Asked]:
    return [(name, strategy_asked(name)) for name in names]


def test_a_fixed_weight_that_is_only_centred_has_all_that_can_be_had_at_its_own_weight(run: StoredRun) -> None:
    found = replay(replace(run, estimator="dr_grpo"), asked(*(f"linear:weight={w}" for w in WEIGHTS)), GroupFilter())
    for weight, r in zip(WEIGHTS, found, strict=True):
        assert (r.reach, r.like_weight) == (pytest.approx(1.0, abs=1e-5), pytest.approx(weight, rel=1e-4))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_strategy_reaches_further(run: StoredRun, estimator: str) -> None:
    rng = random.Random(0)
    names = [*STRATEGIES, *(f"rlmr:gamma={rng.random():.3f},delta_min={4 * rng.random():.3f}" for _ in range(4))]
    for found in replay(replace(run, estimator=estimator), asked(*names), GroupFilter()):
        assert found.reach is not None and found.reach <= 1 + 1e-6, found.label


def test_one_say_for_every_group_costs_a_part(run: StoredRun) -> None:
    centred, divided = (
        replay(replace(run, estimator=e), asked("linear:weight=2"), GroupFilter())[0] for e in ESTIMATORS[1::-1]
    )
    assert centred.reach is not None and divided.reach is not None
    assert 0.5 < divided.reach < centred.reach - 0.01


def test_the_guarantee_costs_less_above_a_fixed_weight(run: StoredRun) -> None:
    plain, floored = replay(run, asked("rlmr:gamma=0.1", "rlmr:gamma=0.1,delta_min=3"), GroupFilter())
    assert plain.violators_above_zero == floored.violators_above_zero == 0
    assert plain.reach is not None and floored.reach is not None and floored.reach > plain.reach


def test_pulls_by_hand() -> None:
    """r = (3, 1), the first violates: quality pays it, compliance does not, and a weight of 2 makes both rewards equal."""
    group, spread, pull = Moments.of([3.0, 1.0], [False, True]), Spread(), Pull()
    assert group is not None
    spread.add(group)
    for size in (1.0, 5.0):  # how large advantages are does not count
        pull = Pull()
        pull.add([size, -size], group)
        assert pull.on(spread) == (pytest.approx(1.0), pytest.approx(-0.5))
    assert nearest(pull.on(spread), spread) == (pytest.approx(1.0), 0.0)
    assert nearest((-1.0, 0.5), spread) == (pytest.approx(1.0), None)
    pull.add(None, group)
    assert pull.on(spread) == (pytest.approx(1.0), pytest.approx(-0.5))
    assert Pull().on(spread) == (0.0, 0.0)
    assert [spread.best(w) for w in (0.0, 2.0, 6.0)] == pytest.approx([1.0, 0.0, 2.0])  # r + 6 c = (3, 7)
    assert Moments.of([3.0, 1.0], [False, False]) is None
    assert Moments.of([3.0, None], [True, True]) is None
    assert nearest((0.0, 0.0), Spread()) == (None, None)


@given(st.floats(0.01, 5), st.floats(-5, 5), st.floats(-1, 1), st.sampled_from([1, -1]))
def test_where_writing_and_compliance_are_one_line_the_reach_is_that_of_an_end(
    apart: float, low: float, mean: float, way: int
) -> None:
    """Two samples, the worse one complies: what goes along with writing goes as far against compliance, so the better end is positive."""
    group, spread, pull = Moments.of([low + apart, low], [False, True]), Spread(), Pull()
    assert group is not None
    spread.add(group)
    pull.add([mean + way, mean - way], group)
    share = 1 / math.sqrt(1 + mean**2)  # what lies along (1, -1) of advantages that are not centred
    assert nearest(pull.on(spread), spread) == (pytest.approx(share), 0.0 if way > 0 else None)


@given(lists_of_groups, st.floats(0, 50), st.integers(0, 2**32))
def test_no_advantages_whatever_reach_further(drawn: Drawn, weight: float, seed: int) -> None:
    groups = [moments for writing, complies in drawn if (moments := Moments.of(writing, complies))]
    spread, pull, rng = Spread(), Pull(), random.Random(seed)
    for group in groups:
        spread.add(group)
        pull.add([rng.gauss(0, 1) for _ in group.r], group)
    on_r, on_c = pull.on(spread)
    assert on_r + weight * on_c <= spread.best(weight) + 1e-9
    reach, like = nearest((on_r, on_c), spread)
    if reach is not None and spread.best(weight) > 1e-6:
        assert reach <= 1 + 1e-9
        assert (on_r + weight * on_c) / spread.best(weight) <= reach + 1e-6
        assert like is None or like >= 0
