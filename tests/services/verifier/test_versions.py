"""IFEval's and IFBench's ids in several versions of their checkers, and what `rlmr constraints diff` tells of two."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.constraints import ConstraintError, Subject, check, evaluate, prepare, registry
from services.verifier.constraints.registry import versioned
from services.verifier.constraints.versions import CHANGES, VERSIONS, in_version, versions_of
from services.verifier.settings import VerifierSettings
from tests.services.verifier.adversarial import adversarial_texts
from tests.services.verifier.examples import example
from tests.services.verifier.reference_data import DATA
from tests.services.verifier.test_commands import run

ALPHABET = " ".join(f'"{chr(65 + i)}bout it went." ' for i in range(26))
FIVE = {f"keyword{i}": w for i, w in enumerate(["ash", "oak", "elm", "fir", "yew"], start=1)}
COUNTED = " ".join(["ash", *["oak"] * 2, *["elm"] * 3, *["fir"] * 5, *["yew"] * 7])
SPAN = {"prompt_to_repeat": "one two three four five six", "n_start": 1, "n_end": 3}

# (id, version, kwargs, a text, by default, in the version)
CASES: list[tuple[str, str, dict[str, Any], str, bool, bool]] = [
    ("length_constraints:number_words", "fixed@1", {"num_words": 4, "relation": "at least"}, "Don't be well-known.", True, False),
    ("length_constraints:number_words", "fixed@1", {"num_words": 5, "relation": "at least"}, "雪落在屋顶上。", False, True),
    ("length_constraints:nth_paragraph_first_word", "fixed@1", {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"}, "First.\n\n\n\nThen.", False, True),
    ("detectable_format:number_bullet_lists", "fixed@1", {"num_bullets": 1}, "- one\n---", False, True),
    ("detectable_format:number_bullet_lists", "fixed@1", {"num_bullets": 1}, "* one\n*So* it was.", False, True),
    ("detectable_format:number_highlighted_sections", "fixed@1", {"num_highlights": 2}, "***one*** alone", True, False),
    ("detectable_format:number_highlighted_sections", "fixed@1", {"num_highlights": 2}, "*one* and **two**", True, True),
    ("detectable_content:postscript", "fixed@1", {"postscript_marker": "P.S."}, "It says that P.S. stands for postscript.", True, False),
    ("detectable_content:postscript", "fixed@1", {"postscript_marker": "P.S."}, "Yours.\n**P. S.** Bring rope.", True, True),
    ("count:conjunctions", "fixed@1", {"small_n": 3}, "And so, and. Or and", True, True),
    ("count:conjunctions", "fixed@1", {"small_n": 3}, "And this and that, and.", True, False),
    ("ratio:sentence_type", "fixed@1", {}, "Oh!", True, False),
    ("ratio:sentence_type", "fixed@1", {}, 'He said "yes." It rained. Why?', False, True),
    ("ratio:sentence_balance", "fixed@1", {}, "No end", True, False),
    ("ratio:sentence_words", "fixed@1", {}, "It was so. It was up. It was in.", True, False),
    ("ratio:overlap", "fixed@1", {"reference_text": "the sea was calm and grey", "percentage": 100.0}, "The sea, was calm", False, True),
    ("format:sub-bullets", "fixed@1", {}, "No bullets at all.", True, False),
    ("format:sub-bullets", "fixed@1", {}, "* **one**\n  - under it", False, True),
    ("format:line_indent", "fixed@1", {}, "a\n\n\n b\n  c", False, True),
    ("format:no_bullets_bullets", "fixed@1", {}, "One is. Two is.\n\nThree.\n* a\n* b", False, True),
    ("format:quote_unquote", "fixed@1", {}, "He said “go”", True, False),
    ("format:output_template", "fixed@1", {}, "Future Outlook: a My Answer: b My Conclusion: c", True, False),
    ("words:words_position", "fixed@1", {"keyword": "sea"}, "“Oh, sea of the (sea) today.”", False, True),
    ("words:words_position", "fixed@1", {"keyword": "sea"}, "Oh, sea and the sea today!", False, True),
    ("repeat:repeat_span", "fixed@1", SPAN, "two three four", False, True),
    ("custom:sentence_alphabet", "fixed@1", {}, ALPHABET, False, True),
    ("custom:date_format_list", "fixed@1", {}, "1800-00-50", True, False),
    ("count:keywords_multiple", "fixed@1", FIVE, f"{COUNTED} ashen", False, True),
    ("words:no_consecutive", "fixed@1", {}, "A quiet tale\nThe sea", False, True),
    ("count:person_names", "reference@c94da02", {"N": 1}, "Leopold", False, True),
    ("count:pronouns", "reference@c94da02", {"N": 1}, "Nobody came.", True, False),
    ("sentence:keyword", "reference@c94da02", {"word": "sea", "N": 1}, "Seasons end.", False, True),
    ("format:quote_unquote", "reference@c94da02", {}, "He said “go”", True, False),
    ("words:keywords_specific_position", "reference@c94da02", {"keyword": "sea", "n": 1, "m": 2}, "Oh, Sea.", True, False),
    ("words:words_position", "reference@c94da02", {"keyword": "sea"}, "a sea or sea end.", True, False),
    ("repeat:repeat_span", "reference@c94da02", SPAN, "two three", False, True),
    ("format:title_case", "reference@c94da02", {}, "A b C", False, True),
]  # fmt: skip


@pytest.mark.parametrize(("id", "version", "kwargs", "text", "by_default", "in_it"), CASES)
def test_a_version_differs_where_it_says_so(
    id: str, version: str, kwargs: dict[str, Any], text: str, by_default: bool, in_it: bool
) -> None:
    assert check(id, kwargs, "", text).passed is by_default
    assert check(f"{id}@{version}", kwargs, "", text).passed is in_it


def test_every_change_of_every_version_has_such_a_case_and_its_reason() -> None:
    assert {(id, version) for id, version, *_, a, b in CASES if a is not b} == CHANGES.keys()
    assert all(change.why.endswith(".") for change in CHANGES.values())


def test_the_default_is_the_reference_and_short_names_are_the_newest() -> None:
    for benchmark, id in (("ifeval", "punctuation:no_comma"), ("ifbench", "count:conjunctions")):
        assert versions_of(id) == VERSIONS[benchmark]
        assert versions_of(id)[0].startswith("reference@")
        assert prepare(f"{id}@reference", example(id)).checker.id == f"{id}@{versions_of(id)[0]}"
        assert prepare(f"{id}@reference", example(id)).checker.test is registry[id].test
    assert prepare("count:conjunctions@fixed", {"small_n": 2}).checker.id == "count:conjunctions@fixed@1"


def test_a_version_is_named_for_any_id() -> None:
    assert in_version("count:conjunctions", "fixed") == "count:conjunctions@fixed@1"
    assert in_version("count:conjunctions@fixed@1", "reference") == "count:conjunctions@reference@1091c4c"
    assert in_version("punctuation:no_comma", "reference@c94da02") == "punctuation:no_comma@reference@lm-eval-0.4.13"
    assert in_version("length:words", "fixed") == "length:words"
    with pytest.raises(ConstraintError, match="unknown version 'newest'"):
        in_version("count:conjunctions", "newest")


@pytest.mark.parametrize(
    ("id", "said"),
    [("count:conjunctions@fixed@9", "known: .*fixed@1"), ("length:words@fixed", "only IFEval's and IFBench's")],
)
def test_an_unknown_version_names_those_that_there_are(id: str, said: str) -> None:
    with pytest.raises(ConstraintError, match=said):
        prepare(id, {})


@pytest.mark.parametrize("id", sorted({c.checker.id for c in CHANGES.values()}))
def test_a_changed_checker_never_raises_and_answers_the_same_twice(id: str) -> None:
    rule = prepare(id, example(id.partition("@")[0]))
    assert rule.describe()
    for text in adversarial_texts(1_200):
        assert evaluate(rule, Subject(text)) == evaluate(rule, Subject(text))


def test_a_version_goes_over_the_wire_and_is_counted_under_its_id() -> None:
    sample = {"id": "a", "prompt": "p", "response": "And this and that, and."}
    asked = [
        {"type": f"count:conjunctions{v}", "kwargs": {"small_n": 3}} for v in ("", "@fixed@1", "@reference", "@fixed@7")
    ]
    with TestClient(build_app(VerifierSettings())) as client:
        whole = client.post("/verify", json={"samples": [{**sample, "constraints": asked[:3]}]}).json()["results"][0]
        wrong = client.post("/verify", json={"samples": [{**sample, "constraints": asked}]}).json()["results"][0]
        metrics = client.get("/metrics").text
    assert [c["passed"] for c in whole["constraints"]] == [True, False, True]
    assert whole["constraints"][1]["type"] == "count:conjunctions@fixed@1"
    assert (wrong["status"], "known: " in wrong["reason"]) == ("invalid_input", True)
    assert 'verdicts_total{outcome="failed",source="rule",type="count:conjunctions"}' in metrics


# -- rlmr constraints diff --------------------------------------------------------------------------------------------------


def written(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


ASKED = {
    "instruction_id_list": ["count:conjunctions", "punctuation:no_comma"],
    "kwargs": [{"small_n": 3, "N": None}, {}],
}


def test_diff_prints_which_verdicts_differ_and_by_how_much_the_benchmark_moves(tmp_path: Path) -> None:
    responses = written(
        tmp_path / "r.jsonl",
        {"key": 7, "response": "And this and that and; and."},
        {"key": 8, "response": "And but or."},
    )
    data = written(tmp_path / "d.jsonl", {"key": 7, "prompt": "p", **ASKED}, {"key": 8, "prompt": "q", **ASKED})
    report = tmp_path / "diff.json"
    code, output = run(
        "constraints", "diff", "reference", "fixed", "--responses", responses, "--data", data, "--output", str(report)
    )
    assert code == 0
    assert "1 verdicts differ; 2 prompts, 4 instructions" in output
    lines = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}
    assert lines["prompt_strict"] == ["100.00%", "50.00%", "-50.00", "points"]
    assert lines["instruction_loose"] == ["100.00%", "75.00%", "-25.00", "points"]
    assert lines["count:conjunctions"][:6] == ["0", "now", "passed", "1", "now", "violated"]
    (difference,) = json.loads(report.read_text())["differences"]
    assert (difference["key"], difference["id"], difference["b"]["strict"]["passed"]) == (
        "7",
        "count:conjunctions",
        False,
    )


def test_diff_takes_responses_that_bring_their_instructions(tmp_path: Path) -> None:
    responses = written(tmp_path / "r.jsonl", {"prompt": "p", "response": "And this and that and; and.", **ASKED})
    code, output = run("constraints", "diff", "reference", "fixed@1", "--responses", responses)
    assert (code, "1 verdicts differ" in output) == (0, True)


@pytest.mark.parametrize(
    ("row", "more", "said"),
    [
        ({"key": 1, "response": "x"}, [], "give the benchmark's file with --data"),
        ({"key": 1, **ASKED}, [], "needs a `response`"),
        ({"response": "x", "instruction_id_list": ["no:such"], "kwargs": [{}]}, [], "unknown constraint id"),
        ({"response": "x", "instruction_id_list": ["count:numbers"], "kwargs": []}, [], "two lists of equal length"),
        ({"response": "x", **ASKED}, ["newest"], "unknown version 'newest'"),
    ],
)
def test_diff_names_the_file_the_line_and_the_remedy(tmp_path: Path, row: Any, more: list[str], said: str) -> None:
    responses = written(tmp_path / "r.jsonl", row)
    code, output = run("constraints", "diff", "reference", *(more or ["fixed"]), "--responses", responses)
    assert code == 2
    assert said in output


@pytest.mark.skipif(not (DATA / "ifbench").is_dir(), reason="no reference data: set RLMR_TEST_DATA")
def test_on_ifbenchs_sample_the_fixed_checkers_move_a_few_verdicts(tmp_path: Path) -> None:
    files = ["--data", str(DATA / "ifbench/test.jsonl"), "--responses", str(DATA / "ifbench/sample_verdicts.jsonl")]
    code, output = run("constraints", "diff", "reference", "fixed", *files)
    assert code == 0
    assert "193 prompts, 218 instructions" in output
    assert "format:sub-bullets" in output


def test_every_version_is_listed_under_its_whole_name() -> None:
    assert {c.id.partition("@")[2] for c in versioned.values()} == {v for vs in VERSIONS.values() for v in vs}
