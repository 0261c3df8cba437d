"""Openings end with a sentence and as long as asked; strong and weak answers meet at one length; packaged answers need their exact wheel."""

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from trainer.data import arena_hard
from trainer.data.openings import SHORTEST, opening, plain_text
from trainer.data.rows import PairRow, read
from trainer.data.similarity import tokens
from trainer.models.wheel import Wheel, file_hash

PAGE = "# The Ferry\n\n**Mara** counted the *gulls* twice before the ferry left.\n\n---\n\n- Nobody on the pier waved, and she kept her ticket.\n\nRain came by noon. It did not stop for a week, they say"


def test_markdown_goes_and_words_stay() -> None:
    assert plain_text(PAGE).startswith("The Ferry\n\nMara counted the gulls twice")
    assert plain_text("snake_case_name and 2 * 3 - 1") == "snake_case_name and 2 * 3 - 1"
    assert not {"#", "*", "---"} & set(plain_text(PAGE).split())


def test_an_opening_ends_with_the_sentence_nearest_to_the_length_asked_for() -> None:
    assert opening(PAGE, 1000) == plain_text(PAGE).rpartition(" It did")[0]
    short = opening(PAGE, 20)
    assert short is not None and short.endswith("ticket.")
    assert opening("No end in sight, and none " * 9, 20) is None
    assert opening("Too short.", 20) is None
    assert opening("a verse that runs on and on\n" * 9 + "and ends.", 25) is None


def test_strong_and_weak_openings_are_of_one_length(tmp_path: Path) -> None:
    rng = random.Random(0)

    def sentence() -> str:
        return "The " + " ".join(rng.choices(["lamp", "harbor", "thread", "bell"], k=rng.randint(4, 9))) + "."

    strong, weak = tmp_path / "s.jsonl", tmp_path / "w.jsonl"
    for path, count in ((strong, 60), (weak, 7)):
        lines = [
            {"prompt": f"P{i}", "response": " ".join(sentence() for _ in range(count)) + " And"} for i in range(40)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "pairs.jsonl"
    asked = [
        "data",
        "pairs",
        str(out),
        "--strong",
        str(strong),
        "--weak",
        str(weak),
        "--openings",
        "20",
        "110",
        "--no-match",
    ]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    pairs = read(out, PairRow)
    assert len(pairs) == 40
    for pair in pairs:
        assert pair.good.endswith(".") and pair.bad.endswith(".")
        assert abs(len(tokens(pair.good)) - len(tokens(pair.bad))) <= 5
    found = CliRunner().invoke(
        app, ["data", "pairs", str(out), "--corrupt", str(strong), "--openings", "20", "110", "--no-match"]
    )
    assert found.exit_code == 0, found.output
    lengths = [len(tokens(pair.good)) for pair in read(out, PairRow)]
    assert SHORTEST <= min(lengths) < 50 and 70 < max(lengths) < 130


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of the same shape with texts of our own, known by its hash."""
    asked = "Write a short story about the harbor and a lamp that is not for sale."
    questions: list[dict[str, Any]] = [
        {"uid": "1", "category": "creative_writing", "prompt": asked},
        {"uid": "2", "category": "creative_writing", "prompt": "Escribe un poema breve sobre conejos y lunas."},
        {"uid": "3", "category": "hard_prompt", "prompt": "Prove that the sum of two odd numbers is even."},
    ]
    text = "## Lamp\nThe lamp stood in the window of the last shop on the pier.\u2028It was not for sale."
    answers: list[dict[str, Any]] = [
        {"uid": q["uid"], "messages": [{}, {"content": {"answer": text}}]} for q in questions
    ]
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w") as archive:
        files = {"question": questions, **{f"model_answer/{writer}": answers for writer in arena_hard.WRITERS}}
        for name, rows in files.items():
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            archive.writestr(f"{arena_hard.FOLDER}/{name}.jsonl", lines)
    monkeypatch.setattr(arena_hard, "WHEEL", Wheel("made", "1", file_hash(path)))
    return path


def test_strong_answers_are_english_prose_with_their_source(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "strong.jsonl"
    found = CliRunner().invoke(app, ["data", "strong", str(out), "--wheel", str(wheel)])
    assert found.exit_code == 0 and "licence" in found.output, found.output
    rows = [json.loads(line) for line in out.read_text().split("\n") if line]
    assert [row["provenance"]["writer"] for row in rows] == list(arena_hard.WRITERS)
    assert all(row["response"].startswith("Lamp\nThe lamp stood") and row["provenance"]["license"] for row in rows)


def test_another_wheel_is_refused(wheel: Path, tmp_path: Path) -> None:
    with wheel.open("ab") as file:
        file.write(b"\0")
    found = CliRunner().invoke(app, ["data", "strong", str(tmp_path / "x.jsonl"), "--wheel", str(wheel)])
    assert found.exit_code == 2 and "SHA-256" in found.output and not (tmp_path / "x.jsonl").exists()
