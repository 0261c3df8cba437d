"""Watches OpenRLHF's trainer process and writes what it saw to RLMR_RUN_DIR: nothing is changed, only read.

steps.jsonl       one object per training step: OpenRLHF's own status dictionary (loss, reward, KL, timings, our extra_logs)
advantages.jsonl  one object per training step, from the advantages that OpenRLHF computed (not from ours):
                  {samples, violators, violators_with_positive_advantage, compliant_with_negative_advantage, ...}
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A violator's advantage is an exact float32 computation on numbers of order 1; only a value above this is a sign error.
POSITIVE = 0.0


def append(name: str, row: dict[str, Any]) -> None:
    """Appends one JSON line to RLMR_RUN_DIR/name; O_APPEND keeps concurrent writers' lines whole."""
    folder = os.environ.get("RLMR_RUN_DIR")
    if folder:
        with (Path(folder) / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def summarise_advantages(experiences: Sequence[Any]) -> dict[str, Any]:
    """Counts signs of the per-sample advantage over OpenRLHF Experiences that carry our `violated` and `valid` logs.

    An experience holds advantages and action_mask of shape (batch, response tokens) and info["violated"] of shape (batch,).
    A `violated` that is not a number counts as unknown. With gamma = 1 the advantage of a sample is the same at each of its action tokens; the largest is taken.
    """
    counts = {
        "samples": 0,
        "violators": 0,
        "violators_with_positive_advantage": 0,
        "compliant": 0,
        "compliant_with_negative_advantage": 0,
        "invalid": 0,
        "unknown": 0,
    }
    sums = {"violators": 0.0, "compliant": 0.0}
    worst = -math.inf
    for experience in experiences:
        masked = experience.advantages.float().masked_fill(~experience.action_mask.bool(), -math.inf)
        largest = masked.max(dim=-1).values.tolist()
        violated, valid = experience.info["violated"].tolist(), experience.info["valid"].tolist()
        for advantage, is_violator, is_valid in zip(largest, violated, valid, strict=True):
            counts["samples"] += 1
            if not is_valid:
                counts["invalid"] += 1
            elif math.isnan(is_violator):
                counts["unknown"] += 1
            elif is_violator:
                counts["violators"] += 1
                counts["violators_with_positive_advantage"] += advantage > POSITIVE
                sums["violators"] += advantage
                worst = max(worst, advantage)
            else:
                counts["compliant"] += 1
                counts["compliant_with_negative_advantage"] += advantage < 0
                sums["compliant"] += advantage
    means = {
        f"mean_advantage_{kind}": sums[kind] / counts[kind] if counts[kind] else None
        for kind in ("violators", "compliant")
    }
    return {**counts, **means, "largest_violator_advantage": None if worst == -math.inf else worst}


def install() -> None:
    """Wraps two methods of the trainer process. Called in every Ray worker; only the trainer ever calls the methods."""
    from openrlhf.trainer.ppo_trainer import BasePPOTrainer
    from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker

    compute = RemoteExperienceMaker.compute_advantages_and_returns
    if getattr(compute, "_rlmr", False):
        return

    def compute_advantages_and_returns(self: Any, experiences: Any) -> Any:
        done = compute(self, experiences)
        if all("violated" in experience.info for experience in done):
            append("advantages.jsonl", summarise_advantages(done))
        return done

    compute_advantages_and_returns._rlmr = True  # type: ignore[attr-defined]
    RemoteExperienceMaker.compute_advantages_and_returns = compute_advantages_and_returns

    save = BasePPOTrainer.save_logs_and_checkpoints

    def save_logs_and_checkpoints(
        self: Any, global_step: int, logs_dict: Any = None, client_states: Any = None
    ) -> None:
        status = {k: v for k, v in (logs_dict or {}).items() if isinstance(v, int | float)}
        append("steps.jsonl", {"step": global_step, **status})
        save(self, global_step, logs_dict, client_states)

    BasePPOTrainer.save_logs_and_checkpoints = save_logs_and_checkpoints
