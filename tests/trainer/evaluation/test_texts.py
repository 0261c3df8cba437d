"""`rlmr eval texts`: the held-back classifier learns words, repetition lowers diversity, samples stand side by side."""

import json
import random
from pathlib import Path

from typer.testing import CliRunner

from rlmr.cli import app

STRONG, WEAK = ["copper", "ladder", "violin", "orchard", "comet"], ["nice", "good", "thing", "very", "happy"]


def answers(path: Path, words: list[str], prompts: int = 30, samples: int = 2, seed: int = 0) -> Path:
    rng = random.Random(seed)
    rows = [
        {"prompt": f"Prompt {i}", "response": " ".join(rng.choices(words, k=20)) + "."}
        for i in range(prompts)
        for _ in range(samples)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_texts_before_and_after_are_measured_and_shown(tmp_path: Path) -> None:
    strong, weak = answers(tmp_path / "s", STRONG), answers(tmp_path / "w", WEAK)
    before = answers(tmp_path / "b", [*WEAK, *STRONG[:1]], prompts=12, seed=1)
    after = answers(tmp_path / "a", STRONG[:2], prompts=12, seed=2)
    out = tmp_path / "out"
    asked = [str(before), str(after), "--strong", str(strong), "--weak", str(weak), "--out", str(out)]
    found = CliRunner().invoke(app, ["eval", "texts", *asked])
    assert found.exit_code == 0, found.output
    measured = json.loads((out / "texts.json").read_text())
    assert measured["classifier_accuracy"] == 1.0
    assert measured["before"]["taken_for_strong"] < 0.2 < 0.9 < measured["after"]["taken_for_strong"]
    assert measured["after"]["distinct_2"] < measured["before"]["distinct_2"]
    assert measured["after"]["sibling_overlap"] > measured["before"]["sibling_overlap"]
    shown = (out / "texts.md").read_text()
    assert shown.count("### ") == 10 and shown.count("**after**") == 10


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["eval", "texts", str(tmp_path / "x"), str(tmp_path / "y")])
    assert found.exit_code == 2 and "No such file" in found.output
