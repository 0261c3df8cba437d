"""`rlmr eval`: IFEval and IFBench from files."""

import json
from pathlib import Path

import pytest

from services.verifier.constraints import Subject, evaluate, prepare
from tests.services.verifier.reference_data import DATA
from tests.trainer.evaluation.haiku import figures, journal, run


def test_figures_are_those_worked_by_hand(tmp_path: Path) -> None:
    data, responses, out = tmp_path / "data.jsonl", tmp_path / "responses.jsonl", tmp_path / "out"
    asked = ["punctuation:no_comma", "startend:quotation"]
    rows: list[dict[str, object]] = [
        {"key": n, "prompt": f"p{n}", "instruction_id_list": asked, "kwargs": [{"num_words": None}, {"n": None}]}
        for n in (9, 10)
    ]
    rows.append({"key": 11, "prompt": "p11", "instruction_id_list": asked[:1], "kwargs": [{}]})
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # The first is quoted only without its first line; the second has a comma too; the third has neither.
    texts = {9: 'Here:\n"fine"', 10: "a, b", 11: "fine"}
    responses.write_text("".join(json.dumps({"key": k, "response": text}) + "\n" for k, text in texts.items()))
    code, printed = run("ifeval", "--data", data, "--responses", responses, "--out", out)
    assert code == 0, printed
    found = figures(out)
    assert [found[f"prompt {how}"] for how in ("strict", "loose")] == [1 / 3, 2 / 3]
    assert [found[f"instruction {how}"] for how in ("strict", "loose")] == [2 / 5, 3 / 5]
    assert [found[f"startend:quotation {how}"] for how in ("strict", "loose")] == [0, 1 / 2]
    first = journal(out / "verdicts.jsonl")[0]
    assert (first["key"], first["details"]["strict"], first["details"]["loose"]) == ("9", [True, False], [True, True])
    assert len(first["details"]["reasons"]) == 2
    shown = json.loads((out / "results.json").read_text())["samples"]
    assert [sample["key"] for sample in shown] == ["9", "10", "11"], "lowest first, equal ones as in the data"


def test_eval_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    data, responses = tmp_path / "data.jsonl", tmp_path / "responses.jsonl"
    data.write_text('\n{"key": 1, "prompt": "p", "instruction_id_list": ["no:such"], "kwargs": [{}]}\n')
    responses.write_text("")
    code, output = run("ifbench", "--data", data, "--responses", responses, "--out", tmp_path / "o")
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
    (tmp_path / "strange.jsonl").write_text('{"key": 2, "response": "fine"}')
    (tmp_path / "nowhere.jsonl").write_text('{"prompt": "another", "response": "fine"}')
    (tmp_path / "twice.jsonl").write_text('{"key": 1, "response": "fine"}\n' * 2)
    return {"--data": data, "--responses": responses, "--out": tmp_path / "out"}


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--responses", "none.jsonl", "No such file"),
        ("--responses", "", "Is a directory"),
        ("--data", "", "Is a directory"),
        ("--responses", "latin.jsonl", "not UTF-8"),
        ("--out", "data.jsonl", "File exists"),
        ("--responses", "strange.jsonl", "key 2 is not in the data"),
        ("--responses", "nowhere.jsonl", "its prompt is none of the data's"),
        ("--responses", "twice.jsonl", "key 1 occurs twice"),
        ("--responses", "empty.jsonl", "no response to evaluate"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    files: dict[str, Path], tmp_path: Path, option: str, name: str, said: str
) -> None:
    given = {**files, option: tmp_path / name}
    code, output = run("ifeval", *(part for pair in given.items() for part in pair))
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_responses_may_name_their_prompt_and_begin_with_a_byte_order_mark(files: dict[str, Path]) -> None:
    files["--responses"].write_text(json.dumps({"prompt": "p", "response": "a, b"}) + "\n", encoding="utf-8-sig")
    code, output = run("ifeval", *(part for pair in files.items() for part in pair))
    assert code == 0, output
    assert journal(files["--out"] / "verdicts.jsonl")[0]["details"]["strict"] == [False]


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is absent: set RLMR_TEST_DATA to a copy of the reference data")
@pytest.mark.parametrize(
    ("name", "data", "responses"),
    [
        ("ifeval", "ifeval/input_data.jsonl", "ifeval/gpt4_verdicts.jsonl"),
        ("ifbench", "ifbench/test.jsonl", "ifbench/sample_verdicts.jsonl"),
    ],
)
def test_totals_are_the_verifiers(name: str, data: str, responses: str, tmp_path: Path) -> None:
    code, printed = run(name, "--data", DATA / data, "--responses", DATA / responses, "--out", tmp_path / "out")
    assert code == 0, printed
    tasks = {str(row["key"]): row for row in journal(DATA / data)}
    strict, loose = list[list[bool]](), list[list[bool]]()
    for row in journal(DATA / responses):
        task = tasks[str(row["key"])]
        subject = Subject(row["response"], task["prompt"])
        constraints = [
            prepare(id, {k: v for k, v in kwargs.items() if v is not None})
            for id, kwargs in zip(task["instruction_id_list"], task["kwargs"], strict=True)
        ]
        strict.append([evaluate(c, subject, "strict").passed for c in constraints])
        loose.append([evaluate(c, subject, "loose").passed for c in constraints])
    found = figures(tmp_path / "out")
    for how, verdicts in (("strict", strict), ("loose", loose)):
        assert found[f"prompt {how}"] == pytest.approx(sum(map(all, verdicts)) / len(verdicts))
        assert found[f"instruction {how}"] == pytest.approx(sum(map(sum, verdicts)) / sum(map(len, verdicts)))


def test_the_version_of_the_checkers_is_an_option_and_part_of_the_identity(tmp_path: Path) -> None:
    """count:conjunctions: the reference takes "and", "And" and "and," for three."""
    data, responses = tmp_path / "data.jsonl", tmp_path / "responses.jsonl"
    task = {"key": 1, "prompt": "p", "instruction_id_list": ["count:conjunctions"], "kwargs": [{"small_n": 2}]}
    data.write_text(json.dumps(task) + "\n")
    responses.write_text(json.dumps({"key": 1, "response": "And it was, and, well, and more."}) + "\n")
    shown, identities = {}, set()
    for version in ("reference", "fixed"):
        out = tmp_path / version
        given = ("--data", data, "--responses", responses, "--out", out, "--set", f"checkers={version}")
        assert run("ifbench", *given)[0] == 0
        shown[version] = figures(out)["count:conjunctions strict"]
        identities.add(json.loads((out / "results.json").read_text())["identity"])
    assert shown == {"reference": 1.0, "fixed": 0.0}
    assert len(identities) == 2
