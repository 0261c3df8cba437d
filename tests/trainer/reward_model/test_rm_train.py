"""`rlmr rm train`: a real train_rm run on a tiny model learns what the pairs hold, and its figures are on prompts it never saw."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

from rlmr.cli import app
from rlmr.mistake import Mistake
from trainer.data.rows import PairRow, read
from trainer.reward_model.random_checkpoint import chatml_tokenizer, invented_text
from trainer.reward_model.train import TrainingFailed, TrainSettings, split, train


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal language model of random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base")
    tokenizer = chatml_tokenizer(512)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=256, initializer_range=0.1, **sizes, **ids)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def pair_file(path: Path, count: int, **extra: Any) -> Path:
    """The better text ends in `kalo`, the worse one in `misha`: a small model can learn that from a few hundred pairs."""
    rng = random.Random(0)
    rows = []
    for i in range(count):
        text = invented_text(rng, 8)
        rows.append({"prompt": f"Prompt {i // 2}", "chosen": f"{text} kalo.", "rejected": f"{text} misha."} | extra)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_pairs_become_a_served_model_with_figures_on_unseen_prompts(base: Path, tmp_path: Path) -> None:
    pairs = pair_file(tmp_path / "pairs.jsonl", 640)
    with pairs.open("a") as file:
        file.write(json.dumps({"prompt": "P", "chosen": "long " * 300, "rejected": "b"}) + "\n")
    out = tmp_path / "out"
    flags = [
        "--base",
        str(base),
        "--lr",
        "3e-3",
        "--max-len",
        "128",
        "--batch-size",
        "16",
        "--micro-batch-size",
        "16",
        "--epochs",
        "2",
    ]
    found = CliRunner().invoke(app, ["rm", "train", str(pairs), str(out), *flags])
    assert found.exit_code == 0, found.output
    report = json.loads((out / "evaluation.json").read_text())
    seen, held = ({row.text for row in read(out / name, PairRow)} for name in ("train.jsonl", "held-out.jsonl"))
    assert not seen & held
    assert 30 <= report["pairs"] <= 110
    assert report["accuracy"]["low"] > 0.8, report["accuracy"]
    assert "1 left out as longer than 128 tokens" in found.output
    assert CliRunner().invoke(app, ["rm", "check", str(out / "model")]).exit_code == 0
    assert not (out / "checkpoint.partial").exists()


def test_a_run_that_fails_shows_the_end_of_its_log_and_leaves_no_checkpoint(base: Path, tmp_path: Path) -> None:
    pairs = pair_file(tmp_path / "pairs.jsonl", 8)
    with pytest.raises(TrainingFailed, match=r"(?s)exit code.*train_rm\.log.*unrecognized arguments: --no\.such"):
        train(pairs, base, tmp_path / "out", TrainSettings(max_len=128, held_out=0.2, more=("--no.such",)))
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_few_pairs_are_enough_to_train_on(base: Path, tmp_path: Path) -> None:
    """train_rm itself fails below 100 pairs, of which it would take one hundredth to evaluate on."""
    pairs = pair_file(tmp_path / "pairs.jsonl", 24)
    parts = train(pairs, base, tmp_path / "out", TrainSettings(max_len=128, held_out=0.2, batch_size=8))
    assert 0 < len(parts.train) < 24
    assert list((tmp_path / "out" / "checkpoint").glob("*.safetensors"))
    assert " -m trainer.grpo.launch openrlhf.cli.train_rm --model" in (tmp_path / "out" / "train_rm.log").read_text()


def test_the_split_is_by_prompt_and_the_same_again(base: Path, tmp_path: Path) -> None:
    rows = read(pair_file(tmp_path / "pairs.jsonl", 200), PairRow)
    settings = TrainSettings(max_len=128, held_out=0.3)
    first, again = split(rows, base, settings), split(rows[::-1], base, settings)
    assert {r.text for r in first.held} == {r.text for r in again.held}
    assert 30 < len(first.held) < 90 and not {r.text for r in first.held} & {r.text for r in first.train}


def test_faults_of_a_user_are_one_line(base: Path, tmp_path: Path) -> None:
    pairs = pair_file(tmp_path / "pairs.jsonl", 4)
    found = CliRunner().invoke(app, ["rm", "train", str(pairs), str(tmp_path / "o"), "--base", str(tmp_path)])
    assert found.exit_code == 2 and "no config.json there" in found.output
    with pairs.open("a") as file:
        file.write(json.dumps({"prompt": "x", "chosen": "a", "rejected": "b", "margin": 1.0}) + "\n")
    with pytest.raises(Mistake, match="give it to all or to none"):
        train(pairs, base, tmp_path / "o", TrainSettings(max_len=128))
    with pytest.raises(Mistake, match="does not save the random head"):
        train(pairs, base, tmp_path / "o", TrainSettings(max_len=128, more=("--ds.lora.rank", "8")))
    with pytest.raises(Mistake, match="no pair is left"):
        train(pairs, base, tmp_path / "o", TrainSettings(max_len=3))
