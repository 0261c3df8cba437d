"""The multiplier of the lagrangian strategy: one step by hand, its bounds, and a toy policy that it brings to the target rate."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.mixing import STRATEGIES, Strategy, bind
from tests.trainer.grpo.test_so_far import group
from trainer.grpo.lagrange import VARIABLE, DualRule, Price, updated
from trainer.grpo.so_far import SoFar
from trainer.run.presets import PresetError, load_preset

RULE = DualRule(step=0.5, target=0.2, low=0.0, high=3.0)


def test_one_step_by_hand() -> None:
    assert updated(1.0, 0.6, RULE) == pytest.approx(1.2)
    assert updated(1.0, 0.0, RULE) == pytest.approx(0.9)
    assert updated(1.0, 0.2, RULE) == 1.0


def test_bounds_hold_and_a_missing_rate_moves_nothing() -> None:
    assert updated(2.9, 1.0, RULE) == 3.0
    assert updated(0.05, 0.0, RULE) == 0.0
    assert updated(1.5, None, RULE) == 1.5
    assert updated(9.0, None, RULE) == 3.0


def test_the_price_follows_all_groups_of_the_steps_before() -> None:
    price = Price.of({"name": "rlmr", "gamma": 0.1}, RULE)
    assert price.now() == {"delta_min": 0.0}
    price.add(group(1, violated=[True, True, None], decision="drop", reason="all_violate"))
    price.add(group(1, violated=[False, True, False]))
    assert price.now() == {"delta_min": pytest.approx(0.5 * (0.6 - 0.2))}
    price.add(group(2, violated=[None, None, None]))
    assert price.now() == {"delta_min": pytest.approx(0.2)}
    price.add(group(3, violated=[True, True, True]))
    assert price.now() == {"delta_min": pytest.approx(0.2 + 0.5 * 0.8)}
    assert Price.of({"name": "linear", "weight": 2.0}, RULE).now() == {"weight": 2.0}
    assert Price.of({"name": "lagrangian"}, RULE).now() == {"multiplier": 1.0}
    assert Price.of({"name": "quality_only"}, None).now() == {}


def test_a_resumed_run_has_the_price_that_it_had(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    strategy = {"name": "rlmr"}
    first = SoFar(tmp_path, price=Price.of(strategy, RULE))
    for step in (1, 2, 3):
        with (tmp_path / "ledger" / f"groups.a-{step % 2}.jsonl").open("a") as file:
            file.write(json.dumps(group(step, violated=[True] * step + [False] * (3 - step))) + "\n")
        first.take_scalars(step)
    assert SoFar(tmp_path, price=Price.of(strategy, RULE)).price() == first.price()
    assert first.price()["delta_min"] > 0


def test_a_preset_asks_for_it_and_mistakes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset("embedded", ["price.target=0.3", "strategy=rlmr"])
    assert preset.price == DualRule(target=0.3)
    assert load_preset("embedded").model_dump(mode="json")["price"] is None
    monkeypatch.setenv("RLMR_STRATEGY", json.dumps(preset.strategy))
    monkeypatch.setenv(VARIABLE, preset.price.model_dump_json())
    assert Price.from_environment().now() == {"delta_min": 0.0}
    with pytest.raises(PresetError, match=r"price.*target"):
        load_preset("embedded", ["price.target=1.5"])
    with pytest.raises(ValueError, match="quality_only has no price"):
        Price.of({"name": "quality_only"}, RULE)


@pytest.mark.parametrize("declared", [s for s in STRATEGIES.values() if s.price], ids=lambda s: s.name)
def test_what_is_called_a_price_is_a_parameter_that_takes_it(declared: Strategy) -> None:
    assert declared.price is not None
    for value in (0.0, 3.0):
        assert getattr(bind(declared.name, {declared.price: value}).params, declared.price) == value


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3))
def test_more_violations_never_lower_the_price(rate: float, other: float, multiplier: float) -> None:
    low, high = sorted((rate, other))
    assert updated(multiplier, low, RULE) <= updated(multiplier, high, RULE)
    assert RULE.low <= updated(multiplier, rate, RULE) <= RULE.high
    bind("lagrangian", {"multiplier": updated(multiplier, rate, RULE)})  # always a price that the strategy takes


def test_a_policy_that_answers_to_the_price_ends_at_the_target() -> None:
    multiplier = 0.0
    for _ in range(2000):
        multiplier = updated(multiplier, 1 / (1 + math.exp(4 * multiplier - 4)), RULE)
    assert 1 / (1 + math.exp(4 * multiplier - 4)) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", 0.0),
        ("step", math.nan),
        ("target", 1.5),
        ("target", math.nan),
        ("low", -1.0),
        ("low", 11.0),
        ("high", math.inf),
    ],
)
def test_a_rule_that_could_not_work_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        DualRule(**{field: value})


def test_a_rate_or_multiplier_that_is_none_is_refused() -> None:
    for multiplier, rate, word in ((1.0, 1.1, "rate"), (1.0, math.nan, "rate"), (math.nan, 0.5, "multiplier")):
        with pytest.raises(ValueError, match=word):
            updated(multiplier, rate, RULE)
