"""Whole batches and an exact number of steps. Engines are played by a stub here; test_openrlhf_run.py runs the real ones."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")
from torchdata.stateful_dataloader import StatefulDataLoader

from trainer.grpo.cpu_runtime import cuda_shims

cuda_shims.install_flash_attn_stand_in()

from openrlhf.utils.logging_utils import TensorboardLogger  # noqa: E402

from tests.trainer.grpo.test_so_far import group  # noqa: E402
from trainer.grpo.openrlhf_trainer import (  # noqa: E402
    EndlessPrompts,
    NotFinite,
    NothingKept,
    RunLength,
    Trainer,
    WholeBatches,
    check_finite,
)
from trainer.grpo.so_far import SoFar  # noqa: E402
from trainer.grpo.thresholds import Percentile, Thresholds  # noqa: E402
from trainer.grpo.trackers import unfailing  # noqa: E402
from trainer.run.ledger import Ledger  # noqa: E402


def loader(count: int) -> StatefulDataLoader:
    rows = [("train", f"prompt {i}", json.dumps({"prompt_id": i}), None) for i in range(count)]
    return StatefulDataLoader(
        rows, batch_size=1, shuffle=True, collate_fn=lambda items: tuple(map(list, zip(*items, strict=True)))
    )


def drawn(prompts: EndlessPrompts, count: int) -> list[str]:
    taken = []
    for _ in range(count):
        taken.append(next(prompts)[1][0])
        prompts.since_kept = 0
    return taken


def test_after_the_last_prompt_a_new_shuffled_epoch_begins() -> None:
    prompts = EndlessPrompts(loader(10), limit=3)
    first, second = drawn(prompts, 10), drawn(prompts, 10)
    assert sorted(first) == sorted(second)
    assert first != second  # one chance in 3.6 million


def test_a_resumed_run_goes_on_in_the_middle_of_its_epoch() -> None:
    source = loader(10)
    prompts = EndlessPrompts(source, limit=3)
    before, state = drawn(prompts, 13), source.state_dict()
    there = drawn(prompts, 7)
    resumed = loader(10)
    again = EndlessPrompts(resumed, limit=3)
    resumed.load_state_dict(state)
    assert drawn(again, 7) == there
    assert len(set(before[10:] + there)) == 10


class Generator(WholeBatches):
    """`scores`: what each prompt that is sent gets, in turn; after the last, 0.5 (kept)."""

    def __init__(
        self, scores: list[float], prompts: int, steps: int, batch: int = 4, n: int = 2, most: int | None = None
    ) -> None:
        rollout = SimpleNamespace(batch_size=batch, n_samples_per_prompt=n, vllm_generate_batch_size=batch)
        algo = SimpleNamespace(dynamic_filtering_enable=True, dynamic_filtering_range=(0, 1))
        args = SimpleNamespace(rollout=rollout, algo=algo, vllm=SimpleNamespace(enable_sleep=False))
        self.scores, self.labels = scores, list[dict[str, Any]]()
        super().__init__(
            length=RunLength(steps, max_prompts=most),
            strategy=SimpleNamespace(args=args),
            prompts_dataloader=loader(prompts),
            eval_dataloader=None,
            tokenizer=None,
            vllm_engines=[],
        )

    def _generate_vllm(self, dataloader_iter: Any, num_prompts: int, dynamic_filtering: bool, **kwargs: Any) -> Any:
        """OpenRLHF's rule (0.11.2): a dropped group draws one new prompt, until the iterator ends."""
        kept: list[float] = []
        consumed, waiting = 0, num_prompts
        while waiting:
            waiting -= 1
            if next(dataloader_iter, None) is None:
                return kept, consumed, True
            consumed += 1
            score = self.scores.pop(0) if self.scores else 0.5
            if 0 < score < 1:
                self.prompts.since_kept = 0
                kept += [score] * self.args.rollout.n_samples_per_prompt
            else:
                waiting += 1
        return kept, consumed, False


def test_a_run_ends_after_its_steps_each_with_a_whole_batch() -> None:
    """6 prompts for 3 steps of 4, every third group dropped: OpenRLHF alone would end in the second step with what is left."""
    generator = Generator([0.5, 0.5, 1.0] * 3, prompts=6, steps=3)
    for step in (1, 2, 3):
        samples, _, _, exhausted = generator.generate_samples()
        assert (generator.step, len(samples), exhausted) == (step, 8, step == 3)
    assert generator.generate_samples() == ([], None, 0, True)


def test_a_run_with_a_budget_of_prompts_ends_when_it_is_spent() -> None:
    """12 prompts, every third group dropped: 8 groups, two whole batches of the three that were planned."""
    generator = Generator([0.5, 0.5, 1.0] * 4, prompts=30, steps=3, most=12)
    assert [len(generator.generate_samples()[0]) for _ in range(2)] == [8, 8]
    samples, _, _, exhausted = generator.generate_samples()
    assert (samples, exhausted, generator.prompts.drawn) == ([], True, 12)


def test_batches_that_stay_empty_end_the_run() -> None:
    generator = Generator([0.5] * 4 + [1.0] * 1000, prompts=6, steps=3)
    generator.generate_samples()
    with pytest.raises(NothingKept, match="16 prompts in a row left no group"):
        generator.generate_samples()
    assert 1000 - len(generator.scores) <= 16


def test_few_good_groups_are_enough_to_go_on() -> None:
    generator = Generator(([1.0] * 11 + [0.5]) * 4, prompts=6, steps=1)
    assert len(generator.generate_samples()[0]) == 8


def write_group(run: Path, step: int) -> None:
    (run / "ledger").mkdir(exist_ok=True)
    with (run / "ledger" / "groups.a-1.jsonl").open("a") as file:
        file.write(json.dumps(group(step)) + "\n")


def test_thresholds_move_between_steps_and_evaluation_has_none(tmp_path: Path) -> None:
    generator = Generator([], prompts=8, steps=3)
    generator.so_far = SoFar(tmp_path, Thresholds({"all_high": Percentile(percentile=50, after=1)}))
    generator.generate_samples()
    assert "filter" not in json.loads(generator._label({"split": "train"}, 2))
    write_group(tmp_path, 1)
    assert "filter" not in json.loads(generator._label({"split": "train"}, 2))  # the step's groups are judged alike
    generator.generate_samples()
    assert json.loads(generator._label({"split": "train"}, 2)) == {
        "split": "train",
        "n": 2,
        "step": 2,
        "filter": {"all_high": 1.0},
    }
    assert "filter" not in json.loads(generator._label({"split": "eval"}, 2))


def test_trackers_get_the_groups_scalars_beside_openrlhfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("RLMR_RUN_DIR", str(tmp_path))
    flags = SimpleNamespace(
        tensorboard_dir=str(tmp_path / "curves"), wandb=SimpleNamespace(run_name="r"), logging_steps=1
    )
    trainer = Trainer.__new__(Trainer)
    trainer.args = SimpleNamespace(logger=flags, ckpt=SimpleNamespace(save_steps=10))
    trainer.so_far, trainer.wandb_logger = SoFar(tmp_path), None
    logger = trainer.tensorboard_logger = unfailing(TensorboardLogger(trainer.args))
    write_group(tmp_path, 1)
    trainer.save_logs_and_checkpoints(1, {"policy_loss": 0.25, "generated_samples": ["a story", 1.0]})
    assert logger is not None
    logger.close()
    events = EventAccumulator(str(tmp_path / "curves" / "r")).Reload()
    assert [e.value for e in events.Scalars("train/rlmr/delta")] == [2.0]
    assert [e.value for e in events.Scalars("train/policy_loss")] == [0.25]
    (step,) = Ledger(tmp_path).refresh().steps
    assert (step["step"], step["rlmr/violation_rate"]) == (1, pytest.approx(1 / 3))


def test_a_loss_that_is_not_a_number_ends_the_run() -> None:
    check_finite({"policy_loss": -0.2, "ppo_kl": 0.0}, 1)
    check_finite({}, 1)
    for loss in (float("nan"), float("inf")):
        with pytest.raises(NotFinite, match="step 3: policy_loss is"):
            check_finite({"policy_loss": loss}, 3)


def test_the_length_of_the_run_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMR_STEPS", raising=False)
    with pytest.raises(RuntimeError, match="RLMR_STEPS"):
        RunLength.from_environment()
