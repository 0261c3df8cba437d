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
    written = json.loads(output.read_text())
    assert {**written, "reasons": len(written["reasons"])} == {
        "key": 7,
        "strict": [True, False],
        "loose": [True, True],
        "reasons": 2,
    }
    assert "startend:quotation" in printed  # a line for each instruction
    assert "prompt_loose       100.00%" in printed


def test_eval_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    data, responses = tmp_path / "data.jsonl", tmp_path / "responses.jsonl"
    data.write_text('\n{"key": 1, "prompt": "p", "instruction_id_list": ["no:such"], "kwargs": [{}]}\n')
    responses.write_text("")
    code, output = run(
        "eval", "ifbench", "--data", str(data), "--responses", str(responses), "--output", str(tmp_path / "o")
    )
    assert code == 2
    assert "data.jsonl:2" in output


TASK = {"key": 1, "prompt": "p", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    data, responses = tmp_path / "data.jsonl", tmp_path / "responses.jsonl"
    data.write_text(json.dumps(TASK) + "\n")
    responses.write_text(json.dumps({"key": 1, "response": "fine"}) + "\n")
    (tmp_path / "latin.jsonl").write_bytes('{"key": 1, "response": "é"}'.encode("latin-1"))
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "old.jsonl").write_text("old verdicts")
    return {"--data": data, "--responses": responses, "--output": tmp_path / "out.jsonl"}


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--responses", "none.jsonl", "No such file"),
        ("--responses", "", "Is a directory"),
        ("--data", "", "Is a directory"),
        ("--responses", "latin.jsonl", "not UTF-8"),
        ("--output", "responses.jsonl", "would overwrite an input"),
        ("--output", "data.jsonl", "would overwrite an input"),
        ("--output", "none/out.jsonl", "a file in a folder that exists"),
        ("--output", "", "a file in a folder that exists"),
        ("--responses", "empty.jsonl", "no response to evaluate"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    files: dict[str, Path], tmp_path: Path, option: str, name: str, said: str
) -> None:
    given = {**files, option: tmp_path / name}
    code, output = run("eval", "ifeval", *(str(part) for pair in given.items() for part in pair))
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_no_responses_leave_an_earlier_output_as_it_was(files: dict[str, Path], tmp_path: Path) -> None:
    given = {**files, "--responses": tmp_path / "empty.jsonl", "--output": tmp_path / "old.jsonl"}
    assert run("eval", "ifeval", *(str(part) for pair in given.items() for part in pair))[0] == 2
    assert (tmp_path / "old.jsonl").read_text() == "old verdicts"


def test_responses_may_name_their_prompt_and_begin_with_a_byte_order_mark(files: dict[str, Path]) -> None:
    files["--responses"].write_text(json.dumps({"prompt": "p", "response": "a, b"}) + "\n", encoding="utf-8-sig")
    code, output = run("eval", "ifeval", *(str(part) for pair in files.items() for part in pair))
    assert code == 0, output
    assert json.loads(files["--output"].read_text())["strict"] == [False]


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is absent: set RLMR_TEST_DATA to a copy of the reference data")
def test_eval_of_the_reference_responses(tmp_path: Path) -> None:
    data, verdicts, output = DATA / "ifeval/input_data.jsonl", DATA / "ifeval/gpt4_verdicts.jsonl", tmp_path / "v.jsonl"
    code, printed = run("eval", "ifeval", "--data", str(data), "--responses", str(verdicts), "--output", str(output))
    assert code == 0, printed
    assert len(output.read_text().splitlines()) == 541
