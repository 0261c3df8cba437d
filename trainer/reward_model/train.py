"""`rlmr rm train`: preference pairs to a reward model the service serves: split by prompt, OpenRLHF's train_rm, export."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake
from trainer.data.rows import PairRow, read, write

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TrainSettings:
    """Of openrlhf.cli.train_rm, by its own names where it has them."""

    epochs: int = 1
    batch_size: int = 32
    micro_batch_size: int = 8
    learning_rate: float = 1e-5
    max_len: int = 1024
    """Tokens of prompt and response. A pair with a longer text is left out: train_rm would cut the end that the score is read at."""
    held_out: float = 0.1
    """Share of prompts that training does not see."""
    seed: int = 0
    param_dtype: str = "bf16"
    more: tuple[str, ...] = ()
    """Further flags of train_rm, as they are."""


class TrainingFailed(Mistake):
    """train_rm failed; the message ends with the last lines of its log and names the log."""


@dataclass(frozen=True)
class Split:
    train: list[PairRow]
    held: list[PairRow]
    too_long: int


def split(pairs: Sequence[PairRow], base: Path, settings: TrainSettings) -> Split:
    """By prompt, so that no held-out pair has a prompt that was trained on; a prompt's side depends on its text and the seed only."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    if not tokenizer.chat_template:
        raise Mistake(
            f"{base}: its tokenizer has no chat template, which pairs of chat messages need: use an instruct model"
        )
    train: list[PairRow] = []
    held: list[PairRow] = []
    too_long = 0
    for row in pairs:
        texts = [
            tokenizer.apply_chat_template([m.model_dump() for m in (*row.prompt, *answer)], tokenize=False)
            for answer in (row.chosen, row.rejected)
        ]
        if max(len(ids) for ids in tokenizer(texts, add_special_tokens=False).input_ids) >= settings.max_len:
            too_long += 1
            continue
        digest = hashlib.sha256(f"{settings.seed} {row.text}".encode()).digest()
        (held if int.from_bytes(digest[:8]) / 2**64 < settings.held_out else train).append(row)
    return Split(train, held, too_long)


def train(
    pairs: Path,
    base: Path,
    out: Path,
    settings: TrainSettings,
    progress: Callable[[int, int], None] = lambda step, of: None,
) -> Split:
    """Trains on `pairs`; leaves train.jsonl, held-out.jsonl, checkpoint/ and train_rm.log in `out`. Raises Mistake, TrainingFailed.

    `checkpoint/` appears only when train_rm ended well.
    """
    if any(flag.partition("=")[0] == "--ds.lora.rank" for flag in settings.more):
        raise Mistake(
            "--ds.lora.rank: train_rm (openrlhf 0.11.2) does not save the random head that LoRA updates, so the trained model is lost: "
            "train without it"
        )
    parts = split(read(pairs, PairRow), base, settings)
    if not parts.train:
        raise Mistake(
            f"{pairs}: no pair is left to train on: {parts.too_long} are longer than max_len {settings.max_len}"
        )
    out.mkdir(parents=True, exist_ok=True)
    write(map(_for_openrlhf, parts.train), out / "train.jsonl")
    write(parts.held, out / "held-out.jsonl")
    # Without an evaluation set of its own train_rm takes 1 % of the training set, which of fewer than 100 pairs is none, and fails.
    write(map(_for_openrlhf, (parts.held or parts.train)[:64]), out / "eval.jsonl")
    work = out / "checkpoint.partial"
    shutil.rmtree(work, ignore_errors=True)
    _run(
        _command(base, out / "train.jsonl", work, settings, margins=_margins(parts.train)),
        out / "train_rm.log",
        progress,
    )
    shutil.rmtree(out / "checkpoint", ignore_errors=True)
    shutil.rmtree(out / "steps", ignore_errors=True)
    work.rename(out / "checkpoint")
    return parts


def _for_openrlhf(row: PairRow) -> dict[str, Any]:
    """Only what train_rm reads: its reader gives every row the same columns."""
    fields: dict[str, Any] = row.model_dump(mode="json", include={"prompt", "chosen", "rejected"})
    margin = (row.model_extra or {}).get("margin")
    return fields | ({"margin": float(margin)} if margin is not None else {})


def _margins(rows: Sequence[PairRow]) -> bool:
    """Whether the pairs carry margins (Llama 2, 2307.09288, eq. 2). Raises Mistake if only some do."""
    with_margin = sum("margin" in (row.model_extra or {}) for row in rows)
    if with_margin not in (0, len(rows)):
        raise Mistake(f"margin: {with_margin} of {len(rows)} pairs have one: give it to all or to none")
    return bool(with_margin)


def _command(base: Path, data: Path, checkpoint: Path, settings: TrainSettings, margins: bool) -> list[str]:
    flags = {
        "model.model_name_or_path": base,
        "data.dataset": data,
        "eval.dataset": data.with_name("eval.jsonl"),
        "data.prompt_key": "prompt",
        "data.max_len": settings.max_len,
        "ckpt.output_dir": checkpoint,
        "ckpt.path": checkpoint.with_name("steps"),
        "train.seed": settings.seed,
        "train.max_epochs": settings.epochs,
        "train.batch_size": settings.batch_size,
        "train.micro_batch_size": min(settings.micro_batch_size, settings.batch_size),
        "adam.lr": settings.learning_rate,
        "ds.param_dtype": settings.param_dtype,
        "ds.zero_stage": 0,
        "ds.attn_implementation": "eager",
    }
    command = [sys.executable, "-m", "trainer.grpo.launch", "openrlhf.cli.train_rm"]
    command += [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    command += ["--data.apply_chat_template", "--model.compute_fp32_loss_enable"]
    return [*command, *(["--model.margin_loss_enable"] if margins else []), *settings.more]


def _run(command: list[str], log: Path, progress: Callable[[int, int], None]) -> None:
    python_path = os.pathsep.join(p for p in (str(REPOSITORY), os.environ.get("PYTHONPATH")) if p)
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": python_path}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        assert process.stdout is not None
        out.write(f"{shlex.join(command)}\n".encode())
        try:
            while chunk := os.read(process.stdout.fileno(), 65536):
                out.write(chunk)
                if steps := re.findall(rb"Train step of epoch \d+:.*?(\d+)/(\d+) \[", chunk):
                    progress(int(steps[-1][0]), int(steps[-1][1]))
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise TrainingFailed(f"train_rm ended with exit code {process.returncode}; its log is {log}:\n{tail}")
