"""The reward function for TRL by itself; test_trl_run.py runs it in a real GRPOTrainer."""

import asyncio
import pickle
import time
from types import SimpleNamespace
from typing import Any

import pytest

from rlmr.adapters.refusals import WrongSettings
from rlmr.adapters.settings import GroupUnavailable
from rlmr.adapters.trl import RlmrReward, metrics, table_columns
from tests.rlmr.adapters.scripted_aggregator import GROUPS, NONE, N, ScriptedAggregator
from tests.rlmr.adapters.test_filling import group


class Trainer:
    """The part of a GRPOTrainer that a reward function can see: its log hooks are bound methods."""

    def __init__(self, n: int = N, n_eval: int = N, training: bool = True, **more: Any) -> None:
        self.num_generations, self.num_generations_eval = n, n_eval
        self.model = SimpleNamespace(training=training)
        self.reward_funcs, self.reward_weights = [None], [1.0]
        self.metrics: dict[str, float] = {}
        self.extra: dict[str, list[Any]] = {}
        self.__dict__.update(more)

    def log_metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def log_extra(self, column: str, values: list[Any]) -> None:
        self.extra[column] = values


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlmr.adapters.trl.metadata.version", lambda name: "1.16.0")
    monkeypatch.delenv("RLMR_API_KEY", raising=False)


def ask(
    reward: RlmrReward, prompts: list[Any], trainer: Trainer | None, n: int = N, **columns: Any
) -> list[float | None]:
    """As TRL calls it: n consecutive completions a prompt, every column repeated alike."""
    repeated = [prompt for prompt in prompts for _ in range(n)]
    columns = {"constraints": ["[]"] * len(repeated), **columns}
    hooks: dict[str, Any] = {"log_metric": trainer.log_metric, "log_extra": trainer.log_extra} if trainer else {}
    completions = [f"text {i}" for i in range(len(repeated))]
    return asyncio.run(reward(prompts=repeated, completions=completions, **hooks, **columns))


def test_rewards_come_in_the_order_of_the_completions_and_are_null_where_there_is_none() -> None:
    with ScriptedAggregator() as aggregator:
        rewards = ask(RlmrReward(aggregator.url), ["kept", "invalid samples", "unavailable", "all violate"], Trainer())
    assert rewards == [*GROUPS["kept"]["rewards"], *GROUPS["invalid samples"]["rewards"], *NONE, *NONE]
    assert len(aggregator.requests) == 4


def test_two_equal_prompts_that_are_neighbours_stay_two_groups() -> None:
    with ScriptedAggregator() as aggregator:
        ask(RlmrReward(aggregator.url), ["kept", "kept"], Trainer(), prompt_id=["p"] * 8)
    asked = sorted((r["groups"][0]["id"], r["groups"][0]["responses"][0]) for r in aggregator.requests)
    assert asked == [("p#0", "text 0"), ("p#1", "text 4")]


def test_evaluation_has_its_own_group_size() -> None:
    pair = {
        "kept": {**GROUPS["kept"], **{k: GROUPS["kept"][k][:2] for k in ("rewards", "valid", "writing", "violated")}}
    }
    with ScriptedAggregator(groups=pair) as aggregator:
        assert len(ask(RlmrReward(aggregator.url), ["kept"], Trainer(n_eval=2, training=False), n=2)) == 2


def test_groups_are_asked_for_side_by_side_up_to_a_limit() -> None:
    with ScriptedAggregator() as aggregator:
        ask(RlmrReward(aggregator.url, parallel=3), ["kept"] * 12, Trainer())
    assert 2 <= aggregator.most_at_once <= 3


def test_prompts_constraints_and_strategy_reach_the_aggregator() -> None:
    chat = [{"role": "user", "content": "kept"}]
    with ScriptedAggregator() as aggregator:
        ask(
            RlmrReward(aggregator.url, strategy={"name": "rlmr", "gamma": 2.0}),
            [chat],
            Trainer(),
            constraints=['[{"type": "punctuation:no_comma"}]'] * N,
        )
    body = aggregator.requests[0]
    assert body["strategy"] == {"name": "rlmr", "gamma": 2.0}
    assert body["groups"][0]["prompt"] == chat
    assert body["groups"][0]["constraints"][0]["type"] == "punctuation:no_comma"


def test_a_failure_that_may_pass_is_asked_again() -> None:
    with ScriptedAggregator(503, "html", 500) as aggregator:
        assert ask(RlmrReward(aggregator.url), ["kept"], Trainer()) == GROUPS["kept"]["rewards"]
    assert len(aggregator.requests) == 4


def test_a_refusal_is_a_clear_error_at_once() -> None:
    with (
        ScriptedAggregator(401) as aggregator,
        pytest.raises(WrongSettings, match=r"HTTP 401.*RLMR_API_KEY.*rlmr doctor"),
    ):
        ask(RlmrReward(aggregator.url, on_failure="drop"), ["kept"], Trainer())
    assert len(aggregator.requests) == 1


def test_or_a_dropped_group_if_so_set_and_its_neighbour_is_kept() -> None:
    trainer = Trainer()
    with ScriptedAggregator(413) as aggregator:
        rewards = ask(RlmrReward(aggregator.url, on_failure="drop", parallel=1), ["kept", "kept"], trainer)
    assert rewards == [*NONE, *GROUPS["kept"]["rewards"]]
    assert trainer.metrics["rlmr/dropped"] == 0.5


def test_patience_ends_in_time() -> None:
    started = time.monotonic()
    with pytest.raises(GroupUnavailable, match="attempts"):
        ask(RlmrReward("http://127.0.0.1:9", timeout=1.0), ["kept"], Trainer())
    assert time.monotonic() - started < 5


def test_what_is_logged() -> None:
    trainer = Trainer()
    with ScriptedAggregator() as aggregator:
        ask(RlmrReward(aggregator.url), ["kept", "unavailable"], trainer)
    assert trainer.metrics == {
        "rlmr/dropped": 0.5,
        "rlmr/invalid": 0.5,
        "rlmr/violated": 0.25,  # of the four samples with a verdict
        "rlmr/writing": pytest.approx(0.375),
        "rlmr/delta": 1.5,
    }
    assert trainer.extra["violated"] == [False, True, False, False, *NONE]
    assert trainer.extra["dropped"] == [None] * 4 + ["unavailable"] * 4
    assert {len(values) for values in trainer.extra.values()} == {8}


def test_a_metric_without_any_value_is_left_out() -> None:
    assert set(metrics([group("unavailable")])) == {"rlmr/dropped", "rlmr/invalid"}
    assert table_columns([group("unavailable")])["writing"] == NONE


@pytest.mark.parametrize(
    ("trainer", "n", "told"),
    [
        (None, N, "give num_generations"),
        (Trainer(n=3), N, "not whole groups of 3"),
        (Trainer(n=8), N, "not whole groups of 8"),
        (Trainer(reward_funcs=[None, None]), N, "2 reward functions"),
        (Trainer(reward_weights=[-1.0]), N, "reward_weights"),
    ],
)
def test_a_trainer_that_cannot_work_is_refused(trainer: Trainer | None, n: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ask(RlmrReward("http://127.0.0.1:9"), ["kept", "x"], trainer, n=n)


def test_groups_are_not_cut_across_prompts() -> None:
    """12 completions are four groups of 3 by number, but the prompts say otherwise."""
    with pytest.raises(ValueError, match="not whole groups of 3"):
        ask(RlmrReward("http://127.0.0.1:9"), ["a", "b", "c"], Trainer(n=3))


def test_an_old_trl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlmr.adapters.trl.metadata.version", lambda name: "0.29.1")
    with pytest.raises(ValueError, match=r"TRL 0\.29\.1"):
        ask(RlmrReward("http://127.0.0.1:9"), ["kept"], Trainer())


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'rules'"):
        ask(RlmrReward("http://127.0.0.1:9", constraints_column="rules"), ["kept"], Trainer())


def test_settings_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMR_REWARD_URL", raising=False)
    with pytest.raises(ValueError, match="RLMR_REWARD_URL"):
        RlmrReward()
    with pytest.raises(ValueError, match="unknown setting 'retries'"):
        RlmrReward("http://x", retries=3)
    with pytest.raises(ValueError, match="on_failure"):
        RlmrReward("http://x", on_failure="zero")
    monkeypatch.setenv("RLMR_REWARD_URL", "http://from-the-environment/")
    assert RlmrReward().settings.url == "http://from-the-environment"


def test_it_can_be_pickled() -> None:
    reward = pickle.loads(pickle.dumps(RlmrReward("http://x", strategy="rlmr")))
    assert reward.settings.strategy == {"name": "rlmr"}
