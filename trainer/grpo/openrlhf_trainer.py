"""OpenRLHF's synchronous trainer (0.11.2, trainer/ppo_trainer.py), right to the step. launch.py puts it in the place of PPOTrainer.

What it adds, by overriding methods; the algorithm stays OpenRLHF's:

- Every step is trained on a whole batch: prompts never run out (a new shuffled epoch begins), and the run ends after RLMR_STEPS steps.
  OpenRLHF's own last batch is what is left of the prompts, which may be too little for the ranks, and fails before the policy is saved.
- A run whose batches stay empty stops (NothingKept) instead of sampling for ever.
- If a run fails, the policy as it is gets saved first; one whose loss is not a number fails at once.
- Labels carry the step, the group's size, the filter's thresholds and the price of a violation to the agent, and what OpenRLHF computes is written down (recorder.py).
"""

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from openrlhf.trainer import ppo_trainer
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker
from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator

from trainer.grpo.lagrange import Price
from trainer.grpo.recorder import record, summarise_advantages, tell_once
from trainer.grpo.so_far import SoFar
from trainer.grpo.thresholds import Thresholds
from trainer.grpo.trackers import unfailing

RESCUE_SECONDS = 600.0
"""How long a failed run may take to save its policy: tens of GB to a shared folder."""


class NothingKept(RuntimeError):
    """So many prompts in a row left no group to train on that the data, the services or the strategy must be at fault."""


class NotFinite(RuntimeError):
    """The policy's loss is not a number: its weights are lost."""


def check_finite(status: dict[str, Any], step: int) -> None:
    """Raises NotFinite. Such a policy writes nothing readable, and each further step and checkpoint is waste."""
    loss = status.get("policy_loss")
    if loss is not None and not math.isfinite(loss):
        raise NotFinite(f"step {step}: policy_loss is {loss}: the policy's weights are not numbers any more")


@dataclass(frozen=True)
class RunLength:
    """From RLMR_STEPS, RLMR_EMPTY_BATCHES and RLMR_MAX_PROMPTS: Ray builds the trainer from OpenRLHF's arguments only."""

    steps: int
    empty_batches: int = 3
    """Batches' worth of prompts in a row that may leave no group."""
    max_prompts: int | None = None
    """The run ends before its steps when so many prompts are drawn: runs that are compared at an equal cost of generation."""

    @classmethod
    def from_environment(cls) -> "RunLength":
        steps = os.environ.get("RLMR_STEPS")
        if not steps:
            raise RuntimeError("RLMR_STEPS is not set: how many training steps the run has")
        most = os.environ.get("RLMR_MAX_PROMPTS")
        return cls(int(steps), int(os.environ.get("RLMR_EMPTY_BATCHES", "3")), int(most) if most else None)


class EndlessPrompts:
    """Iterates over the loader for ever, one shuffled epoch after the other. Raises NothingKept after `limit` prompts without a
    kept group, StopIteration when `most` are drawn."""

    def __init__(self, loader: Any, limit: int, most: int | None = None) -> None:
        self.loader, self.limit, self.most = loader, limit, most
        self.since_kept = self.drawn = 0
        self._epoch: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self.since_kept >= self.limit:
            raise NothingKept(
                f"{self.limit} prompts in a row left no group to train on: every one was dropped (groups in the ledger tell why)"
            )
        if self.drawn == self.most:
            raise StopIteration
        self.drawn += 1
        self.since_kept += 1
        if (
            self._epoch is None
        ):  # not before the first draw: a resumed run sets the loader's place after this object is made
            self._epoch = iter(self.loader)
        try:
            return next(self._epoch)
        except StopIteration:
            self._epoch = iter(self.loader)
            return next(self._epoch)


class WholeBatches(SamplesGenerator):
    """OpenRLHF's sample generator over prompts that never end, until the run has its steps."""

    def __init__(self, *, length: RunLength, so_far: SoFar | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length, self.step, self.so_far = length, 0, so_far
        self.moved: dict[str, dict[str, float]] = {}
        """What follows the run, for this step's groups: thresholds of the filter, the strategy's price."""
        self.whole = self.args.rollout.batch_size * self.args.rollout.n_samples_per_prompt
        # The first batch is drawn at once, then one prompt for each that was dropped.
        limit = self.args.rollout.batch_size * (length.empty_batches + 1)
        self.prompts = EndlessPrompts(self.prompts_dataloader, limit, length.max_prompts)
        self._dataloader_iter: Any = self.prompts
        self._sample_buffer: list[Any] = []

    def generate_samples(self, **kwargs: Any) -> tuple[list[Any], float | None, int, bool]:
        if self.step >= self.length.steps:  # a run that is resumed after its last step
            return [], None, 0, True
        self.step += 1
        self._move()
        samples, pass_rate, consumed, _ = super().generate_samples(**kwargs)
        if self.prompts.drawn == self.length.max_prompts and len(samples) < self.whole:
            return [], pass_rate, consumed, True  # what is left is no whole batch
        if len(samples) != self.whole:
            raise RuntimeError(
                f"step {self.step}: {len(samples)} samples in place of {self.whole}: OpenRLHF changed how it makes a batch"
            )
        return samples, pass_rate, consumed, self.step >= self.length.steps

    def _dispatch_prompts_to_vllm(self, prompts: Any, labels: Any, *, images: Any = None, **kwargs: Any) -> list[Any]:
        n = kwargs.get("n_samples_per_prompt", self.args.rollout.n_samples_per_prompt)
        labels = [self._label(json.loads(label), n) for label in labels]
        refs: list[Any] = super()._dispatch_prompts_to_vllm(prompts, labels, images=images, **kwargs)
        return refs

    def _label(self, row: dict[str, Any], n: int) -> str:
        told: dict[str, Any] = {"n": n, "step": self.step}
        if row.get("split") != "eval":
            told |= {name: values for name, values in self.moved.items() if values}
        return json.dumps({**row, **told}, ensure_ascii=False)

    def _move(self) -> None:
        """Once a step. Where the ledger cannot be read all stays as it was."""
        try:
            if self.so_far is not None:
                self.moved = {"filter": self.so_far.thresholds(), "price": self.so_far.price()}
        except Exception as exc:  # noqa: BLE001 - a run does not end for its ledger
            tell_once("the filter's thresholds and the price could not be moved", exc)

    def _process_response_into_experience(self, response: Any, **kwargs: Any) -> Any:
        low, high = self.args.algo.dynamic_filtering_range
        if low < response["scores"] < high:
            self.prompts.since_kept = 0
        return super()._process_response_into_experience(response, **kwargs)


class RecordingExperienceMaker(RemoteExperienceMaker):
    """Writes down the signs of the advantages that OpenRLHF computed."""

    step = 0

    def compute_advantages_and_returns(self, experiences: Any) -> Any:
        done = super().compute_advantages_and_returns(experiences)
        record("advantages", lambda: {"step": self.step, **summarise_advantages(done)})
        return done


class Trainer(ppo_trainer.PPOTrainer.__ray_metadata__.modified_class.__ray_actor_class__):  # type: ignore[misc]
    def __init__(
        self,
        pretrain: str,
        strategy: Any,
        actor: Any,
        critic: Any,
        reward: Any,
        reference: Any,
        engines: Any,
        **kw: Any,
    ) -> None:
        super().__init__(pretrain, strategy, actor, critic, reward, reference, engines, **kw)
        folder = os.environ.get("RLMR_RUN_DIR")
        self.so_far = SoFar(Path(folder), Thresholds.from_environment(), Price.from_environment()) if folder else None
        for name in ("wandb_logger", "tensorboard_logger"):
            setattr(self, name, unfailing(getattr(self, name)))
        args, length = strategy.args, RunLength.from_environment()
        samples = args.rollout.batch_size * args.rollout.n_samples_per_prompt
        # The learning rate's schedule; OpenRLHF counts the prompts of the file.
        self.max_steps = length.steps * (samples // args.train.batch_size) * args.train.max_epochs
        self.samples_generator = WholeBatches(
            length=length,
            so_far=self.so_far,
            strategy=strategy,
            prompts_dataloader=self.prompts_dataloader,
            eval_dataloader=self.eval_dataloader,
            tokenizer=self.tokenizer,
            vllm_engines=engines,
        )
        self.experience_maker = RecordingExperienceMaker(
            actor, critic, reward, reference, self.kl_ctl, strategy, self.tokenizer
        )

    def init_checkpoint_states(self) -> dict[str, Any]:
        states: dict[str, Any] = super().init_checkpoint_states()
        self.samples_generator.step = states["global_step"]
        return states

    def fit(self, global_step: int = 0) -> None:
        try:
            super().fit(global_step)
        except Exception as exc:
            self._rescue(exc)
            raise

    def train_step(self, rollout_samples: Any, global_step: int) -> Any:
        self.experience_maker.step = global_step + 1
        status, step = super().train_step(rollout_samples, global_step)
        check_finite(status, step)
        return status, step

    def save_logs_and_checkpoints(self, global_step: int, logs_dict: Any = None, client_states: Any = None) -> None:
        logs = {**(logs_dict or {}), **self._group_scalars(global_step)}
        status = {k: v for k, v in logs.items() if isinstance(v, int | float)}
        record("steps", lambda: {"step": global_step, "time": time.time(), **status})
        super().save_logs_and_checkpoints(global_step, logs, client_states)

    def _group_scalars(self, step: int) -> dict[str, float]:
        """For the trackers; none if the ledger cannot be read."""
        try:
            return self.so_far.take_scalars(step) if self.so_far is not None else {}
        except Exception as exc:  # noqa: BLE001 - nothing here may touch training
            tell_once("a step's scalars could not be read from the ledger", exc)
            return {}

    def _rescue(self, cause: Exception) -> None:
        """Saves the policy as it is. What fails here is told and must not hide the cause."""
        if isinstance(cause, NotFinite):
            return  # its weights are not numbers: the last checkpoint is what there is
        try:
            waiting, end = self.actor_model_group.async_save_model(), time.monotonic() + RESCUE_SECONDS
            while waiting:
                ready, waiting = ray.wait(waiting, timeout=max(0.0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"no answer in {RESCUE_SECONDS:.0f} s")
                ray.get(ready)
            print(f"RLMR: the run failed ({type(cause).__name__}); the policy was saved as it is", file=sys.stderr)
        except Exception as exc:  # noqa: BLE001 - the cause is raised again by fit
            print(
                f"RLMR: the policy could not be saved after the failure: {type(exc).__name__}: {exc}", file=sys.stderr
            )


def install() -> None:
    """In the driver, before OpenRLHF's command imports PPOTrainer."""
    ppo_trainer.PPOTrainer = ray.remote(Trainer)
