"""`rlmr constraints`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app


def run(*arguments: str, input: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=input)
    return result.exit_code, result.output


def test_list_names_every_id_of_a_family() -> None:
    code, output = run("constraints", "list", "punctuation:")
    assert code == 0
    assert "punctuation:no_comma" in output


def test_show_renders_the_constraint_as_an_instruction() -> None:
    kwargs = json.dumps({"num_words": 50, "relation": "less than"})
    code, output = run("constraints", "show", "length_constraints:number_words", "--kwargs", kwargs)
    assert code == 0
    assert "instruction: Answer in less than 50 words." in output


@pytest.mark.parametrize(("text", "code"), [("calm sea", 0), ("calm, sea", 1)])
def test_check_tells_the_verdict_by_its_exit_code(text: str, code: int) -> None:
    assert run("constraints", "check", "punctuation:no_comma", "-", input=text)[0] == code


def test_an_unknown_id_is_named_with_what_is_allowed() -> None:
    code, output = run("constraints", "check", "punctuation:comma", "-", input="x")
    assert code == 2
    assert "punctuation:no_comma" in output


@pytest.mark.parametrize(
    ("name", "said"), [("none.txt", "No such file"), ("", "Is a directory"), ("latin.txt", "not UTF-8")]
)
def test_a_response_that_cannot_be_read_is_no_violation(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    code, output = run("constraints", "check", "punctuation:no_comma", str(tmp_path / name))
    assert code == 2
    assert said in output


def test_a_byte_order_mark_is_no_part_of_a_response(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_text('"fine"', encoding="utf-8-sig")
    assert run("constraints", "check", "startend:quotation", str(tmp_path / "bom.txt"))[0] == 0


def test_a_misspelt_id_gets_a_suggestion() -> None:
    code, output = run("constraints", "show", "lenght:words")
    assert code == 2
    assert "did you mean length:words" in output
