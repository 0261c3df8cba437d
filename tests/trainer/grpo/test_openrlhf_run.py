"""A real OpenRLHF GRPO run: Ray, DeepSpeed, a vLLM engine, the three services over HTTP, with things going wrong on the way."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console

from services.aggregator.mixing import GroupFilter
from tests.trainer import cut_off
from tests.trainer.grpo.proxy import Proxy, running
from trainer.data.prompts import prepare, read_prompts
from trainer.evaluation.sample import sample
from trainer.grpo.flags import openrlhf_flags
from trainer.replay.asked import strategy_asked
from trainer.replay.replaying import replay
from trainer.replay.stored import StoredRun
from trainer.run.ledger import Ledger
from trainer.run.local_services import local_services
from trainer.run.presets import load_preset
from trainer.run.training import train

if TYPE_CHECKING:
    from trainer.world.build import World

pytestmark = [pytest.mark.openrlhf, pytest.mark.timeout(900)]

TARGET, PRICE_STEP = 0.05, 2.0
PERCENTILE = 20  # whatever a policy this young learns within a step, most of its groups stay above it
# As many prompts as 8 steps of 4 take: the first epoch draws all of them, and what is dropped is replaced out of the next.
TRAINED, BATCH, STEPS, N_TRAIN, N_EVAL, AFTER = 32, 4, 8, 4, 2, 8


@dataclass
class Run:
    folder: Path
    ledger: Ledger
    world: "World"
    refused: str
    impossible: str
    busy: str

    def groups(self, prompt_id: str) -> list[dict[str, Any]]:
        return [g for g in self.ledger.groups if g["prompt_id"] == prompt_id]


def median_words(world: "World") -> int:
    prompts = [row["prompt"] for row in read_prompts(world.prompts_eval)]
    drawn = sample(str(world.policy), prompts, samples=4, temperature=1.0, max_new_tokens=72, seed=0)
    return int(statistics.median(len(text.split()) for s in drawn for text in s.responses))


@pytest.fixture(scope="module")
def run(small_world: "World", tmp_path_factory: pytest.TempPathFactory) -> Run:
    """8 steps of 4 prompts out of 32: one group is refused by the service, one cannot comply, one call is answered 503 first."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "logs").mkdir()
    preset = load_preset(
        "embedded",
        [
            f"batch={BATCH}",
            f"n={N_TRAIN}",
            f"steps={STEPS}",
            "lr=5e-4",
            "strategy=rlmr",
            "strategy.gamma=0.5",
            "openrlhf.rollout.micro_batch_size=8",
            "openrlhf.train.micro_batch_size=8",
            f"filter.all_low={{percentile: {PERCENTILE}, after: {AFTER}, of_last: {AFTER}}}",
            "filter.all_high=null",
            f"price.target={TARGET}",
            f"price.step={PRICE_STEP}",
            "openrlhf.eval.steps=3",
            f"openrlhf.eval.n_samples_per_prompt={N_EVAL}",
            # Makes OpenRLHF compare its own log-probabilities with the rollout engine's: vllm_kl shows whether weights arrive.
            "openrlhf.algo.advantage.is_correction_level=token",
            "openrlhf.algo.advantage.is_correction_mode=clip",
        ],
    )
    rows = read_prompts(small_world.prompts_train)[:TRAINED]
    refused, impossible, busy = rows[0]["prompt_id"], rows[1]["prompt_id"], rows[2]["prompt_id"]
    # A policy this young complies with little, and what it learns first is to write on. Half of what it writes has its own
    # median of words or more, and the longer it writes the more does: no group is dropped for being all violators but the one meant.
    half = [
        {
            "type": "length_constraints:number_words",
            "kwargs": {"relation": "at least", "num_words": median_words(small_world)},
        }
    ]
    for row in rows:
        row["constraints"] = half
    rows[1]["constraints"] = [{"type": "keywords:existence", "kwargs": {"keywords": ["xylophone"]}}]
    prepare(rows, folder / "train.jsonl", split="train")
    prepare(read_prompts(small_world.prompts_eval)[:5], folder / "eval.jsonl", split="eval")
    flags = openrlhf_flags(
        preset,
        model=small_world.policy,
        prompts=folder / "train.jsonl",
        output=folder / "policy",
        eval_prompts=folder / "eval.jsonl",
    )
    with (
        local_services(
            small_world.writing_rm,
            folder / "logs",
            environment=cut_off.NO_VIOLATION,
        ) as url,
        running(Proxy(url, refuse=frozenset({refused}), busy={busy})) as proxy,
    ):
        ledger = train(
            flags,
            folder,
            reward_url=proxy.url,
            strategy=preset.strategy,
            steps=preset.steps,
            console=Console(quiet=True),
            group_filter=preset.filter_sent(),
            percentiles=preset.percentiles(),
            price=preset.price,
        )
    return Run(folder, ledger, small_world, refused, impossible, busy)


def test_groups_were_rolled_out_rewarded_and_trained(run: Run) -> None:
    assert [step["step"] for step in run.ledger.updates] == list(range(1, STEPS + 1))
    assert run.ledger.trained() == STEPS * BATCH
    kept = [g for g in run.ledger.training_groups if g["decision"] == "train"]
    assert all(len(g["rewards"]) == N_TRAIN for g in kept)
    assert all(isinstance(r, float) for g in kept for r in g["rewards"])
    assert all(g["error"] is None for g in kept)


def test_a_group_that_cannot_comply_is_dropped(run: Run) -> None:
    groups = run.groups(run.impossible)
    assert {(g["decision"], g["reason"], *g["violated"]) for g in groups} == {
        ("drop", "all_violate", *[True] * N_TRAIN)
    }


def test_a_failed_reward_call_drops_its_group_and_training_goes_on(run: Run) -> None:
    for group in run.groups(run.refused):
        assert (group["decision"], group["reason"], group["rewards"]) == ("drop", "unavailable", [None] * N_TRAIN)
        assert "refused by the test" in group["error"]


def test_a_busy_service_is_asked_again(run: Run) -> None:
    group = run.groups(run.busy)[0]
    assert group["attempts"] == 2
    assert group["reason"] != "unavailable"


def test_dropped_groups_were_not_trained_on(run: Run) -> None:
    assert sum(a["samples"] for a in run.ledger.advantages) == run.ledger.trained() * N_TRAIN


def test_no_violator_has_a_positive_advantage_in_openrlhf(run: Run) -> None:
    assert sum(a["violators"] for a in run.ledger.advantages) > 0
    assert run.ledger.violators_with_positive_advantage() == 0


def test_evaluation_used_another_n(run: Run) -> None:
    evaluated = [g for g in run.ledger.groups if g["split"] == "eval"]
    assert len(evaluated) >= 5
    assert {len(g["rewards"]) for g in evaluated} == {N_EVAL}


def test_new_weights_reach_the_rollout_engine(run: Run) -> None:
    """Adam moves every weight by about lr a step; an engine left behind would disagree with the trainer by orders more."""
    kls = [abs(step["vllm_kl"]) for step in run.ledger.updates]
    assert max(kls) < 5e-3, kls


def test_the_saved_policy_loads_and_has_moved(run: Run) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    before = AutoModelForCausalLM.from_pretrained(run.world.policy).state_dict()
    after = AutoModelForCausalLM.from_pretrained(run.folder / "policy").state_dict()
    assert before.keys() == after.keys()
    moved = max(float((before[k].float() - after[k].float()).abs().max()) for k in before)
    assert moved > 1e-3
    assert all(torch.isfinite(v).all() for v in after.values())


def test_every_step_left_its_numbers(run: Run) -> None:
    assert len(run.ledger.steps) == len(run.ledger.advantages)
    assert {"policy_loss", "reward", "violated", "valid"} <= run.ledger.updates[-1].keys()
    assert json.loads((run.folder / "command.json").read_text())[1:3] == ["-m", "trainer.grpo.launch"]


def test_a_threshold_follows_the_run_and_each_group_keeps_its_own(run: Run) -> None:
    def writing(groups: list[dict[str, Any]]) -> list[float]:
        return [w for g in groups for w, ok in zip(g["writing"], g["valid"], strict=True) if ok and w is not None]

    judged = 0
    for step in range(1, STEPS + 1):
        earlier = [g for g in run.ledger.training_groups if g["step"] < step and writing([g])]
        for group in (g for g in run.ledger.training_groups if g["step"] == step):
            if len(earlier) < AFTER:
                assert group["filter"] is None
                continue
            assert group["filter"] == {"all_low": pytest.approx(np.percentile(writing(earlier[-AFTER:]), PERCENTILE))}
            if (low := writing([group])) and group["reason"] != "all_violate":
                assert (group["reason"] == "all_low") == (max(low) < group["filter"]["all_low"])
                judged += 1
    assert judged >= BATCH * (STEPS - 4)


def test_the_price_of_a_violation_follows_the_rate(run: Run) -> None:
    price = 0.0
    for step in range(1, STEPS + 1):
        groups = [g for g in run.ledger.training_groups if g["step"] == step]
        assert [g["price"]["delta_min"] for g in groups] == pytest.approx([price] * len(groups))
        for group in groups:
            assert group["delta"] is None or not any(group["violated"]) or group["delta"] >= price - 1e-9
        verdicts = [v for g in groups for v in g["violated"] if v is not None]
        if verdicts:
            price = min(10.0, max(0.0, price + PRICE_STEP * (sum(verdicts) / len(verdicts) - TARGET)))
    assert all(g.get("price") is None for g in run.ledger.groups if g["split"] == "eval")


def test_tensorboard_shows_the_groups_of_each_step(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.folder / "tensorboard" / run.folder.name)).Reload()

    def curve(name: str) -> dict[int, float]:
        return {event.step: event.value for event in events.Scalars(f"train/{name}")}

    def of_step(step: int) -> list[dict[str, Any]]:
        return [g for g in run.ledger.training_groups if g["step"] == step]

    steps = range(1, STEPS + 1)
    assert curve("rlmr/groups") == {step: len(of_step(step)) for step in steps}
    assert curve("rlmr/dropped") == {step: sum(g["decision"] == "drop" for g in of_step(step)) for step in steps}
    for step, rate in curve("rlmr/violation_rate").items():
        known = [v for g in of_step(step) for v in g["violated"] if v is not None]
        assert rate == pytest.approx(sum(known) / len(known))
    assert "train/rlmr/dropped_all_violate" in events.Tags()["scalars"]
    for name in ("writing", "valid", "sibling_overlap"):
        assert curve(f"rlmr/{name}").keys() == set(steps), name
    penalised = {step for step in steps if any(g["delta"] is not None for g in of_step(step))}
    assert curve("rlmr/delta").keys() == penalised != set()
    uneven = {s for s in steps if any(len({*g["tokens"]}) > 1 for g in of_step(s) if g["decision"] == "train")}
    assert curve("rlmr/length_reward_correlation").keys() == uneven
    assert curve("policy_loss").keys() == set(steps)


def test_replayed_under_its_own_strategy_the_run_is_itself_to_the_last_bit(run: Run) -> None:
    stored = StoredRun(run.folder, {"name": "rlmr", "gamma": 0.5}, "group_norm")
    (again,) = replay(stored, [("own", strategy_asked("rlmr:gamma=0.5"))], GroupFilter())
    assert (again.other_reward, again.other_sign, again.newly_kept, again.newly_dropped) == (0, 0, 0, 0)
    assert again.violators == sum(a["violators"] for a in run.ledger.advantages)
    assert again.violators_above_zero == run.ledger.violators_with_positive_advantage()
