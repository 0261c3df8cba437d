"""A model's answers to prompts become rows that pairs are made from; a prompt that stands twice is answered once."""

import json
from pathlib import Path

from typer.testing import CliRunner

from rlmr.cli import app
from trainer.data.pairs import read_answers
from trainer.reward_model.random_checkpoint import write_random_checkpoint


def test_a_model_answers_each_prompt_once_a_sample(tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path / "model")
    prompts = tmp_path / "prompts.jsonl"
    lines = [{"prompt": "The sea.", "response": "x", "domain": "story"}, {"input": "The sea."}, {"input": "A lamp."}]
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "answers.jsonl"
    command = ["answers", str(prompts), str(out), "--model", str(tmp_path / "model"), "--engine", "transformers"]
    found = CliRunner().invoke(app, ["data", *command, "--samples", "3", "--max-new-tokens", "8"])
    assert found.exit_code == 0, found.output
    answers = read_answers(out)
    assert [a.prompt[0].content for a in answers].count("The sea.") == 3 and len(answers) == 6
    assert answers[0].domain == "story"


def test_a_malformed_prompt_names_line_and_field(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"input": "P"}\n{"text": "P"}\n')
    found = CliRunner().invoke(app, ["data", "answers", str(prompts), str(tmp_path / "o"), "--model", "none"])
    assert found.exit_code == 2 and f"{prompts}:2: prompt" in found.output, found.output
