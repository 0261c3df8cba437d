"""`rlmr constraints`."""

import json

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
