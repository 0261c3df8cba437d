"""`rlmr constraints` and `rlmr eval`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.verifier.reference_data import DATA


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


def test_eval_writes_a_verdict_per_instruction(tmp_path: Path) -> None:
    data, responses, output = tmp_path / "data.jsonl", tmp_path / "responses.jsonl", tmp_path / "out.jsonl"
    data.write_text(
        json.dumps(
            {
                "key": 7,
                "prompt": "p",
                "instruction_id_list": ["punctuation:no_comma", "startend:quotation"],
                "kwargs": [{"num_words": None}, {}],
            }
        )
        + "\n"
    )
    responses.write_text(json.dumps({"key": 7, "response": 'Here:\n"fine"'}) + "\n")
    code, printed = run("eval", "ifeval", "--data", str(data), "--responses", str(responses), "--output", str(output))
    assert code == 0, printed
    assert json.loads(output.read_text()) == {"key": 7, "strict": [True, False], "loose": [True, True]}
    assert "prompt_loose       100.00%" in printed


def test_eval_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    data, responses = tmp_path / "data.jsonl", tmp_path / "responses.jsonl"
    data.write_text('\n{"key": 1, "prompt": "p", "instruction_id_list": ["no:such"], "kwargs": [{}]}\n')
    responses.write_text("")
    code, output = run("eval", "ifbench", "--data", str(data), "--responses", str(responses), "--output", str(data))
    assert code == 2
    assert "data.jsonl:2" in output


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is absent: set RLMR_TEST_DATA to a copy of the reference data")
def test_eval_of_the_reference_responses(tmp_path: Path) -> None:
    data, verdicts, output = DATA / "ifeval/input_data.jsonl", DATA / "ifeval/gpt4_verdicts.jsonl", tmp_path / "v.jsonl"
    code, printed = run("eval", "ifeval", "--data", str(data), "--responses", str(verdicts), "--output", str(output))
    assert code == 0, printed
    assert len(output.read_text().splitlines()) == 541
