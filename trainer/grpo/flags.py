"""Turns a preset into OpenRLHF's command line, and checks the names against the installed OpenRLHF."""

import difflib
import importlib.util
import re
from pathlib import Path
from typing import Any

from trainer.run.presets import Preset, PresetError

AGENT = Path(__file__).with_name("agent.py")
# Set by the preset's own fields; the same thing said twice could disagree.
OWNED = {
    "actor.model_name_or_path": "model",
    "data.prompt_dataset": "prompts",
    "rollout.batch_size": "batch",
    "rollout.n_samples_per_prompt": "n",
    "rollout.temperature": "temperature",
    "rollout.max_new_tokens": "max_new_tokens",
    "data.max_len": "max_len",
    "actor.adam.lr": "lr",
    "train.batch_size": "updates",
    "train.seed": "seed",
    "train.agent_func_path": "the group agent",
    "reward.remote_url": "reward_url",
    "ckpt.load_enable": "--resume RUN",
}


def openrlhf_flags(
    preset: Preset, *, model: Path | str, prompts: Path, output: Path, eval_prompts: Path | None
) -> dict[str, Any]:
    """All flags of the run, names without dashes. Raises PresetError for a flag that is unknown or belongs to the preset."""
    for name in preset.openrlhf:
        if name in OWNED:
            raise PresetError(f"openrlhf.{name}: set `{OWNED[name]}` of the preset instead")
    check_names(preset.openrlhf)
    flags: dict[str, Any] = {
        "actor.model_name_or_path": str(model),
        "train.agent_func_path": str(AGENT),
        "data.prompt_dataset": str(prompts),
        "data.input_key": "input",
        "data.label_key": "label",
        "data.apply_chat_template": True,
        "data.max_len": preset.max_len,
        "rollout.max_new_tokens": preset.max_new_tokens,
        "rollout.batch_size": preset.batch,
        "rollout.n_samples_per_prompt": preset.n,
        "rollout.temperature": preset.temperature,
        "train.batch_size": preset.batch * preset.n // preset.updates,
        "train.seed": preset.seed,
        "actor.adam.lr": preset.lr,
        "algo.dynamic_filtering_enable": True,
        "algo.dynamic_filtering_range": [0, 1],
        "ckpt.output_dir": str(output),
        "ckpt.path": str(output.parent / "checkpoints"),
        "ckpt.save_steps": 10,
        "ckpt.max_num": 2,
        "logger.tensorboard_dir": str(output.parent / "tensorboard"),
        "logger.wandb.run_name": output.parent.name or "RUN",  # TensorBoard's folder too: a resumed run goes on in it
    }
    if eval_prompts is not None and float(preset.openrlhf.get("eval.steps", -1)) > 0:
        flags["eval.dataset"] = str(eval_prompts)
    return {**flags, **preset.openrlhf}


def to_arguments(flags: dict[str, Any]) -> list[str]:
    """{'a.b': 1, 'c': True, 'd': [1, 2], 'e': None, 'f': False} -> ['--a.b', '1', '--c', '--d', '1', '2']."""
    arguments: list[str] = []
    for name, value in flags.items():
        if value is None or value is False:
            continue
        arguments.append(f"--{name}")
        if value is not True:
            arguments.extend(str(v) for v in (value if isinstance(value, list | tuple) else [value]))
    return arguments


def check_names(flags: dict[str, Any]) -> None:
    """OpenRLHF builds its parser inside its main; the names are read from its source, so that a typo costs no start-up minute."""
    spec = importlib.util.find_spec("openrlhf")
    if spec is None or not spec.submodule_search_locations:
        raise PresetError("openrlhf is not installed: run `make install` (docs/training.md tells the GPU equivalent)")
    source = (Path(spec.submodule_search_locations[0]) / "cli" / "train_ppo_ray.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"--([\w.]+)"', source))
    known |= {f"{p}.{rest}" for rest in re.findall(r'f"--\{prefix\}\.([\w.]+)"', source) for p in ("actor", "critic")}
    for name in flags:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3)
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise PresetError(f"openrlhf.{name}: OpenRLHF's train_ppo_ray has no such flag{hint}")
