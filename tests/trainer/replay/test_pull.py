"""No strategy pulls further than a fixed weight: in any group, on any exchange of compliance for writing, whatever the rewards are."""

import random
from pathlib import Path

import pytest

from services.aggregator.mixing import STRATEGIES, GroupFilter
from tests.trainer.replay.test_replay import RLMR, run_of
from trainer.replay.asked import strategy_asked
from trainer.replay.pull import Front, Moments
from trainer.replay.replaying import replay
from trainer.replay.stored import StoredRun, read_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return read_run(run_of(tmp_path_factory.mktemp("runs") / "run", RLMR, groups=200, n=6))


def test_a_fixed_weight_is_on_the_front_at_its_own_weight(run: StoredRun) -> None:
    weights = (0.1, 0.5, 1.0, 2.0, 8.0)
    asked = [(f"{w}", strategy_asked(f"linear:weight={w}")) for w in weights]
    for weight, found in zip(weights, replay(run, asked, GroupFilter()), strict=True):
        assert found.reach == pytest.approx(1.0, abs=2e-3)
        assert found.like_weight == pytest.approx(weight, rel=0.06)


def test_no_strategy_reaches_further(run: StoredRun) -> None:
    rng = random.Random(0)
    names = [*STRATEGIES, *(f"rlmr:gamma={rng.random():.3f},delta_min={4 * rng.random():.3f}" for _ in range(4))]
    for found in replay(run, [(name, strategy_asked(name)) for name in names], GroupFilter()):
        assert found.reach is not None and found.reach <= 1 + 1e-6, found.label


def test_the_guarantee_costs_less_above_a_fixed_weight(run: StoredRun) -> None:
    asked = [(name, strategy_asked(name)) for name in ("rlmr:gamma=0.1", "rlmr:gamma=0.1,delta_min=3")]
    plain, floored = replay(run, asked, GroupFilter())
    assert plain.violators_above_zero == floored.violators_above_zero == 0
    assert plain.reach is not None and floored.reach is not None and floored.reach > plain.reach


def test_pulls_by_hand() -> None:
    """r = (3, 1), the first violates: quality pays it, compliance does not, and a weight of 2 makes both rewards equal."""
    group = Moments.of([3.0, 1.0], [False, True])
    assert group is not None
    a = 2**-0.5
    assert group.pull([a, -a]) == (pytest.approx(a), pytest.approx(-a / 2))
    assert group.pull(None) == (0.0, 0.0)
    front = Front([group.squares()])
    assert front.at([2.0]) == pytest.approx([0.0], abs=1e-9)
    assert front.at([6.0]) == pytest.approx([2 * a])  # r + 6 c = (3, 7)
    assert Moments.of([3.0, 1.0], [False, False]) is None
    assert Moments.of([3.0, None], [True, True]) is None
    assert Front().nearest([(0.0, 0.0)]) is None


def test_another_estimator_has_pulls_and_no_front(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", RLMR)
    (folder / "command.json").write_text('["x", "--algo.advantage.estimator", "dr_grpo"]')
    (found,) = replay(read_run(folder), [("own", strategy_asked("rlmr"))], GroupFilter())
    assert found.pull_on_compliance is not None and found.pull_on_compliance > 0
    assert found.reach is None and found.like_weight is None
