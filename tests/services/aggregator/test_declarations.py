"""Each strategy is declared once: what settings, README, /v1/info and OpenAPI say follows from it."""

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from services.aggregator.describing import README, with_tables
from services.aggregator.mixing import STRATEGIES, Mixed, Params, Registry, Samples, strategy
from services.aggregator.mixing.linear import LinearParams
from services.aggregator.parameters import read_parameters
from services.aggregator.settings import AggregatorSettings
from tests.services.aggregator.conftest import Bench


class CapParams(Params):
    name: Literal["cap"]
    top: float = Field(default=2.0, ge=0, description="Highest reward.")
    weight: float = Field(default=0.5, le=3, description="Has the name of a parameter of linear.")


def capped(samples: Samples, params: CapParams) -> Mixed:
    """r'_i = min(r_i, top). An example."""
    return Mixed([min(r, params.top) for r in samples.writing])


cap = strategy(CapParams, needs_writing=True, needs_verdict=False, per_sample=True)(capped)


def test_the_readmes_tables_are_those_of_the_declarations() -> None:
    text = README.read_text()
    assert text == with_tables(text), "run python -m services.aggregator.describing"


def test_only_a_strategy_that_promises_it_is_held_to_it_by_the_trainer() -> None:
    assert [s.name for s in STRATEGIES.values() if s.keeps_violators_below_mean] == [
        "rlmr",
        "rlmr_decoupled",
        "rlmr_diverse",
        "conditioned",
    ]


def test_a_new_strategys_parameter_gets_its_variable_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_AGGREGATOR_TOP", "4.5")
    strategies = Registry([*STRATEGIES.values(), cap])
    own = read_parameters(strategies, {}, taken=AggregatorSettings.model_fields)
    assert own["cap"] == {"top": 4.5}
    assert own["linear"] == {}  # unset: the default of the declaration
    assert strategies.bind({"name": "cap", **own["cap"]})(Samples(writing=[9.0])).rewards == [4.5]


def test_a_variable_that_two_strategies_share_must_suit_both(monkeypatch: pytest.MonkeyPatch) -> None:
    strategies = Registry([*STRATEGIES.values(), cap])
    monkeypatch.setenv("RLMR_AGGREGATOR_WEIGHT", "3")
    own = read_parameters(strategies, {}, taken=())
    assert (own["linear"], own["cap"]) == ({"weight": 3}, {"weight": 3})
    monkeypatch.setenv("RLMR_AGGREGATOR_WEIGHT", "4")
    with pytest.raises(ValidationError, match=r"less than or equal to 3 \(strategy cap\)") as caught:
        read_parameters(strategies, {}, taken=())
    assert caught.value.errors()[0]["loc"] == ("weight",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("GAMMA", "-1"), ("WEIGHT", "much"), ("ALPHA", "nan"), ("R_MIN", "1e7"), ("REDUCE", "median")],
)
def test_a_mistaken_variable_is_named_whatever_strategy_is_configured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(f"RLMR_AGGREGATOR_{variable}", value)
    with pytest.raises(SystemExit) as ended:
        AggregatorSettings.load(strategy="quality_only")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"RLMR_AGGREGATOR_{variable}: ")


def test_info_and_openapi_tell_every_strategy_with_its_parameters(bench: Bench) -> None:
    told = bench.http.get("/v1/info").json()["details"]["strategies"]
    schemas = bench.http.get("/openapi.json").json()["components"]["schemas"]
    assert list(told) == list(STRATEGIES)
    assert set(schemas["StrategySpec"]["discriminator"]["mapping"]) == set(STRATEGIES)
    gamma = told["rlmr"]["params"]["gamma"]
    assert (gamma["type"], gamma["default"], gamma["minimum"], gamma["maximum"]) == ("number", 1.0, 0, 1e6)
    assert schemas["RlmrParams"]["properties"]["gamma"]["description"] == gamma["description"]
    assert schemas["RlmrParams"]["required"] == ["name"]


class NamelessParams(Params):
    pass


class UndescribedParams(Params):
    name: Literal["undescribed"]
    top: float = 1.0


class RequiredParams(Params):
    name: Literal["required"]
    top: float = Field(description="Highest reward.")


@pytest.mark.parametrize(
    ("params", "why"),
    [
        (NamelessParams, "name: Literal"),
        (UndescribedParams, "parameter top needs a default and a description"),
        (RequiredParams, "parameter top needs a default and a description"),
    ],
)
def test_a_declaration_that_the_service_could_not_work_with_is_refused(params: type[Params], why: str) -> None:
    def mix(samples: Samples, params: Params) -> Mixed:
        """r'_i = r_i. An example."""
        return Mixed(list(samples.writing))

    with pytest.raises(TypeError, match=why):
        strategy(params, needs_writing=True, needs_verdict=False, per_sample=True)(mix)


def test_two_strategies_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="named cap"):
        Registry([cap, cap])


def test_a_strategy_that_gives_no_finite_reward_per_sample_is_a_bug_and_not_a_reward() -> None:
    def half(samples: Samples, params: CapParams) -> Mixed:
        """r'_i = r_i, but for every second sample only. A mistake."""
        return Mixed(list(samples.writing[::2]))

    broken = strategy(CapParams, needs_writing=True, needs_verdict=False, per_sample=True)(half)
    with pytest.raises(RuntimeError, match="for 2 samples"):
        Registry([broken, *STRATEGIES.values()]).bind({"name": "cap"})(Samples(writing=[1.0, 2.0]))


def test_a_price_that_is_no_parameter_is_refused() -> None:
    def mix(samples: Samples, params: Params) -> Mixed:
        """r'_i = r_i. An example."""
        return Mixed(list(samples.writing))

    with pytest.raises(TypeError, match="its price bottom is none of its parameters"):
        strategy(LinearParams, needs_writing=True, needs_verdict=True, per_sample=True, price="bottom")(mix)
