"""`rlmr eval`: IFEval and IFBench from files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.services.verifier.reference_data import DATA


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


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
