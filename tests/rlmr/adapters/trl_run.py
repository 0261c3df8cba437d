"""Runs in TRL's environment: a real GRPOTrainer on a CPU with a tiny random model and RlmrReward.

    python trl_run.py SPEC.json OUT.json

SPEC: url, settings (of RlmrReward), rows (of the dataset), n, steps, args (of GRPOConfig), eval_rows, eval_n. OUT: per step the prompts,
completions, rewards and advantages that TRL has, its log, how far the weights moved, seconds and peak memory.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from rlmr.adapters.trl import RlmrReward
from trainer.reward_model.random_checkpoint import chatml_tokenizer


def tiny_model(tokenizer: Any) -> Any:
    config = transformers.AutoConfig.for_model(
        "qwen2",
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config)


class Steps(transformers.TrainerCallback):
    """What TRL's own tables hold after each step."""

    def __init__(self) -> None:
        self.trainer: Any = None
        self.seen: list[dict[str, Any]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        tables = self.trainer._logs
        self.seen.append(
            {
                "prompts": list(tables["prompt"]),
                "completions": list(tables["completion"]),
                "rewards": list(tables["rewards"]["rlmr"]),
                "advantages": list(tables["advantages"]),
                "extra": {name: list(values) for name, values in tables["extra"].items()},
            }
        )


def main(spec: dict[str, Any]) -> dict[str, Any]:
    tokenizer = chatml_tokenizer(400)
    model = tiny_model(tokenizer)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    evaluation = spec.get("eval_rows")
    args = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        max_steps=spec["steps"],
        per_device_train_batch_size=len(spec["rows"]) * spec["n"] // spec.get("accumulate", 1),
        gradient_accumulation_steps=spec.get("accumulate", 1),
        num_generations=spec["n"],
        max_completion_length=24,
        learning_rate=1e-3,
        use_cpu=True,
        bf16=False,
        report_to="none",
        logging_steps=1,
        save_strategy="no",
        shuffle_dataset=False,
        disable_tqdm=True,
        seed=1,
        **(
            {
                "eval_strategy": "steps",
                "eval_steps": spec["steps"],
                "num_generations_eval": spec["eval_n"],
                "per_device_eval_batch_size": len(evaluation) * spec["eval_n"],
            }
            if evaluation
            else {}
        ),
        **spec.get("args", {}),
    )
    steps = Steps()
    trainer = GRPOTrainer(
        model=model,
        args=args,
        reward_funcs=RlmrReward(spec["url"], **spec.get("settings", {})),
        train_dataset=Dataset.from_list(spec["rows"]),
        eval_dataset=Dataset.from_list(evaluation) if evaluation else None,
        processing_class=tokenizer,
        callbacks=[steps],
    )
    steps.trainer = trainer
    started = time.monotonic()
    trainer.train()
    return {
        "steps": steps.seen,
        "log": trainer.state.log_history,
        "moved": max(float((p.detach() - before[name]).abs().max()) for name, p in trainer.model.named_parameters()),
        "seconds": round(time.monotonic() - started, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    result = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(result))
