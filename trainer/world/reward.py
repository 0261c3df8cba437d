"""The world's writing reward model: trained by OpenRLHF's own train_rm on preference pairs, measured, exported."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.world.preferences import PreferencePair, write_pairs

NAME = "story-world-writing-rm"
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RewardSettings:
    """Training of the reward model: it starts from the policy's weights."""

    pairs: int = 6000
    held_out: int = 600
    batch_size: int = 32
    learning_rate: float = 1e-3
    max_len: int = 256


class RewardTrainingError(RuntimeError):
    """train_rm failed; the message ends with the last lines of its log and names the log."""


def train_reward_model(
    policy: Path,
    pairs: Sequence[PreferencePair],
    work: Path,
    settings: RewardSettings,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Path:
    """Runs `openrlhf.cli.train_rm` on one epoch of `pairs`; returns the checkpoint's folder. `work` keeps data and log."""
    work.mkdir(parents=True, exist_ok=True)
    data, checkpoint = work / "pairs.jsonl", work / "checkpoint"
    write_pairs(pairs, data)
    flags = {
        "model.model_name_or_path": policy,
        "data.dataset": data,
        "data.prompt_key": "prompt",
        "data.max_len": settings.max_len,
        "ckpt.output_dir": checkpoint,
        "ckpt.path": work / "steps",
        "train.seed": seed,
        "train.max_epochs": 1,
        "train.batch_size": settings.batch_size,
        "train.micro_batch_size": settings.batch_size,
        "adam.lr": settings.learning_rate,
        "ds.zero_stage": 0,
        "ds.attn_implementation": "eager",
    }
    command = [sys.executable, "-m", "trainer.grpo.launch", "openrlhf.cli.train_rm"]
    command += [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    command += ["--data.apply_chat_template", "--model.compute_fp32_loss_enable"]
    _run(command, work / "train_rm.log", progress)
    return checkpoint


def raw_scores(folder: Path, texts: Sequence[tuple[str, str]]) -> list[float]:
    """Raw scores of (prompt, response) pairs by an exported reward model, read as the service reads them."""
    from services.writing_rm.engines.torch_engine import TorchModel
    from services.writing_rm.model.manifest import read_manifest
    from services.writing_rm.model.text_form import TextEncoder

    encoder = TextEncoder.from_directory(folder, read_manifest(folder).text_form)
    model = TorchModel.load(folder, dtype="float32", device="cpu", max_batch_tokens=4096)
    return list(model.score_all([encoder.encode(prompt, response) for prompt, response in texts]))


def pair_accuracy(folder: Path, pairs: Sequence[PreferencePair]) -> float:
    """Share of pairs whose chosen text scores above the rejected one."""
    chosen = raw_scores(folder, [(pair.prompt, pair.chosen) for pair in pairs])
    rejected = raw_scores(folder, [(pair.prompt, pair.rejected) for pair in pairs])
    return sum(c > r for c, r in zip(chosen, rejected, strict=True)) / len(pairs)


def _run(command: list[str], log: Path, progress: Callable[[str, int, int], None]) -> None:
    """Runs the command with its output in `log`, reading train_rm's own progress line as it grows."""
    python_path = os.pathsep.join(p for p in (str(REPOSITORY), os.environ.get("PYTHONPATH")) if p)
    # A model this small gains nothing from more threads; waiting ones should not keep a busy machine's cores from it.
    threads = {"OMP_NUM_THREADS": str(min(4, os.cpu_count() or 1)), "OMP_WAIT_POLICY": "PASSIVE"}
    environment = {**threads, **os.environ, "PYTHONPATH": python_path}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65536):
            out.write(chunk)
            steps = re.findall(rb"Train step of epoch \d+:.*?(\d+)/(\d+) \[", chunk)
            if steps:
                progress("reward model", int(steps[-1][0]), int(steps[-1][1]))
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise RewardTrainingError(f"train_rm ended with exit code {process.returncode}; its log is {log}:\n{tail}")
