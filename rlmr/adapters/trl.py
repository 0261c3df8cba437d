"""A reward function for TRL's GRPOTrainer (read and run with TRL 1.16.0).

    trainer = GRPOTrainer(model, reward_funcs=RlmrReward("http://127.0.0.1:8000"), args=args, train_dataset=dataset)

The dataset has the columns prompt, constraints and, if you like, prompt_id. In TRL (trainer/grpo_trainer.py) a call gets the
completions of several prompts, `num_generations` consecutive ones per prompt. A None becomes NaN: `_calculate_rewards` says so,
and `_generate_and_score_completions` takes the group's mean and standard deviation over the other samples (nanmean, nanstd) and
gives a NaN sample the advantage 0. So an invalid sample is None, and a dropped group is None throughout: all its advantages are 0.
"""

import logging
import math
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from rlmr.adapters.asking import Aggregator
from rlmr.adapters.columns import group_of
from rlmr.adapters.groups import GroupAnswer
from rlmr.adapters.guarantee import trl_reasons
from rlmr.adapters.settings import Settings

log = logging.getLogger(__name__)

OLDEST = (1, 16)
"""The TRL that was read. Older ones counted a None as a reward of 0 in places (huggingface/trl#5902)."""


class RlmrReward:
    """Async reward function: TRL runs it in an event loop of its own, beside other async ones. Can be pickled."""

    __name__ = "rlmr"  # TRL's name for it in logs: rewards/rlmr/mean

    def __init__(
        self,
        url: str | None = None,
        *,
        num_generations: int | None = None,
        constraints_column: str = "constraints",
        id_column: str = "prompt_id",
        check_guarantee: bool = True,
        **settings: Any,
    ) -> None:
        """`url` and `settings`: see Settings; the environment gives what is not given here. `num_generations`: only where no
        GRPOTrainer calls. `check_guarantee`: refuse a trainer whose settings undo RLMR's promise about violators; switch it off
        for a strategy that promises nothing. Raises ValueError for settings that cannot be."""
        self.settings = Settings.from_environment({"url": url, **settings})
        self.num_generations = num_generations
        self.constraints_column, self.id_column = constraints_column, id_column
        self._unchecked = check_guarantee

    async def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward per completion; None where there is none. Raises GroupUnavailable where a call failed (on_failure="raise"),
        and ValueError where the batch cannot be cut into groups or a column is missing."""
        trainer = getattr(log_metric, "__self__", None)  # TRL passes a bound method of the trainer
        self._check(trainer)
        n = self._group_size(trainer)
        starts = _group_starts(prompts, n)
        if self.constraints_column not in columns:
            raise ValueError(
                f"the dataset has no column {self.constraints_column!r}: a JSON list of constraints per prompt, [] for none, "
                "or null for the judge to read them out of the prompt"
            )
        ids = columns.get(self.id_column) or [""] * len(prompts)
        groups = [
            group_of(
                # Two rows of a batch may have the same prompt id, and a request's ids must differ: the place makes them.
                f"{str(ids[start])[:200]}#{start // n}",
                prompts[start],
                columns[self.constraints_column][start],
                completions[start : start + n],
            )
            for start in starts
        ]
        async with Aggregator(self.settings) as aggregator:
            answers = await aggregator.rewards(groups)
        for group, answer in zip(groups, answers, strict=True):
            if answer.error:
                log.warning("dropped: %s", answer.error)
            elif not answer.kept:
                log.info("group %s dropped: %s", group.id, answer.reason)
        if log_metric is not None:
            for name, value in metrics(answers).items():
                log_metric(name, value)
        if log_extra is not None:
            for name, values in table_columns(answers).items():
                log_extra(name, values)
        return [reward for answer in answers for reward in answer.nullable()]

    def _check(self, trainer: Any) -> None:
        """Once, at the first call of a trainer."""
        if trainer is None or not self._unchecked:
            return
        self._unchecked = False
        version = metadata.version("trl")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise ValueError(f"TRL {version} does not leave null rewards out of a group: use 1.16 or newer")
        if reasons := trl_reasons(trainer):
            raise ValueError("these settings undo RLMR's guarantee (check_guarantee=False): " + "; ".join(reasons))

    def _group_size(self, trainer: Any) -> int:
        """From the trainer, which has one size for training and one for evaluation. Equal prompts would say nothing: neighbours
        may be equal."""
        if trainer is None:
            if self.num_generations is None:
                raise ValueError("not called by a GRPOTrainer: give num_generations")
            return self.num_generations
        n = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
        if trainer.model.training and self.num_generations not in (None, n):
            raise ValueError(f"num_generations is {self.num_generations} here and {n} in the trainer")
        return int(n)


def _group_starts(prompts: Sequence[Any], n: int) -> range:
    """Where groups begin. Raises ValueError unless the batch is whole groups of n."""
    starts = range(0, len(prompts), n)
    if len(prompts) % n or any(prompts[i] != prompts[i - i % n] for i in range(len(prompts))):
        raise ValueError(
            f"the {len(prompts)} completions of this process are not whole groups of {n}: choose per_device_train_batch_size x "
            "steps_per_generation (in evaluation per_device_eval_batch_size) as a multiple of the number of generations, so "
            "that no group is spread over processes"
        )
    return starts


def metrics(answers: Sequence[GroupAnswer]) -> dict[str, float]:
    """Means of one call, for TRL's log_metric; a metric without any value is left out."""
    samples = [answer.logs(i) for answer in answers for i in range(answer.n)]
    found = {
        "rlmr/dropped": [float(not answer.kept) for answer in answers],
        "rlmr/invalid": [1.0 - sample["valid"] for sample in samples],
        "rlmr/violated": [sample["violated"] for sample in samples],
        "rlmr/writing": [sample["writing"] for sample in samples],
        "rlmr/delta": [math.nan if answer.delta is None else answer.delta for answer in answers],
    }
    present = {name: [v for v in values if not math.isnan(v)] for name, values in found.items()}
    return {name: sum(values) / len(values) for name, values in present.items() if values}


def table_columns(answers: Sequence[GroupAnswer]) -> dict[str, list[Any]]:
    """One value per completion, for TRL's table of completions (log_completions)."""
    return {
        "violated": [v for answer in answers for v in answer.violated],
        "writing": [w for answer in answers for w in answer.writing],
        "delta": [answer.delta for answer in answers for _ in range(answer.n)],
        "dropped": [answer.reason for answer in answers for _ in range(answer.n)],
    }
