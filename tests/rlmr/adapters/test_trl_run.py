"""A real GRPOTrainer, three steps on a CPU, against the three real services."""

import json
import math
from typing import Any

import pytest

from tests.rlmr.adapters.conftest import Run, run_in
from tests.rlmr.adapters.scripted_aggregator import ScriptedAggregator
from tests.three_services import KEY, Services

# A random policy meets this about every second time, so that groups mix.
CONSTRAINTS = [{"type": "length_constraints:number_words", "kwargs": {"relation": "at least", "num_words": 11}}]


@pytest.fixture(scope="module")
def run(services: Services, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    def row(i: int, **more: Any) -> dict[str, Any]:
        prompt = [{"role": "user", "content": f"Tell me story {i}."}]
        return {"prompt": prompt, "prompt_id": f"p{i}", "constraints": json.dumps(CONSTRAINTS), **more}

    # Neighbours with the same prompt, and a constraint that nobody knows: invalid, not violated.
    rows = [row(0), row(0), row(1), row(2, constraints='[{"type": "no:such_thing"}]')]
    return run_in(
        "trl",
        {
            "url": services.aggregator.url,
            "settings": {"api_key": KEY},
            "rows": rows,
            "n": 4,
            "steps": 3,
            "eval_rows": [row(7), row(8)],
            "eval_n": 2,
        },
        tmp_path_factory.mktemp("trl"),
    )


def groups(run: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Four samples each, as TRL's tables hold them."""
    return [
        {
            "reward": step["rewards"][i : i + 4],
            "advantage": step["advantages"][i : i + 4],
            **{name: values[i : i + 4] for name, values in step["extra"].items()},
        }
        for step in run["steps"]
        for i in range(0, len(step["rewards"]), 4)
    ]


def test_every_step_had_whole_groups(run: dict[str, Any]) -> None:
    print(f"3 steps in {run['seconds']} s, {run['peak_mb']} MB")
    assert [len(step["rewards"]) for step in run["steps"]] == [16] * 3


def test_no_violator_of_a_kept_group_has_an_advantage_at_or_above_zero(run: dict[str, Any]) -> None:
    violators = [
        a
        for g in groups(run)
        for a, v, why in zip(g["advantage"], g["violated"], g["dropped"], strict=True)
        if v and not why
    ]
    assert len(violators) >= 3
    assert all(advantage < 0 for advantage in violators)


def test_a_dropped_group_has_no_reward_and_no_advantage(run: dict[str, Any]) -> None:
    dropped = [g for g in groups(run) if g["dropped"][0]]
    assert len(dropped) >= 3  # the prompt with the unknown constraint, in every step
    for group in dropped:
        assert all(math.isnan(reward) for reward in group["reward"])
        assert group["advantage"] == [0.0] * 4


def test_the_policy_moved(run: dict[str, Any]) -> None:
    assert run["moved"] > 1e-4


def test_our_metrics_are_in_trls_log(run: dict[str, Any]) -> None:
    steps = [entry for entry in run["log"] if "rlmr/dropped" in entry]
    assert len(steps) == 3
    assert all(entry["rlmr/invalid"] >= 0.25 and entry["rlmr/dropped"] >= 0.25 for entry in steps)
    assert all(0 <= entry["rlmr/violated"] <= 1 and math.isfinite(entry["rlmr/writing"]) for entry in steps)


def test_evaluation_used_another_n(run: dict[str, Any]) -> None:
    assert [entry["eval_rlmr/dropped"] for entry in run["log"] if "eval_rlmr/dropped" in entry]


def test_a_batch_may_be_cut_into_micro_batches(trl_run: Run) -> None:
    """TRL generates and rewards once for all steps of an accumulation; groups are whole there, whatever a micro-batch holds."""
    rows = [{"prompt": "kept", "constraints": None}, {"prompt": "all violate", "constraints": None}]
    with ScriptedAggregator() as aggregator:
        run = trl_run(url=aggregator.url, rows=rows, n=4, steps=1, accumulate=4)
    assert len(aggregator.requests) == 2
    assert sorted(run["steps"][0]["advantages"])[0] < 0


def test_a_failure_ends_the_run_with_the_reason(trl_run: Run) -> None:
    rows = [{"prompt": "kept", "constraints": None}]
    with (
        ScriptedAggregator(401) as aggregator,
        pytest.raises(AssertionError, match=r"WrongSettings.*HTTP 401.*RLMR_API_KEY"),
    ):
        trl_run(url=aggregator.url, rows=rows, n=4, steps=1)
