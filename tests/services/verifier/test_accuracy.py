"""`rlmr constraints eval`: rates of hand-made labels, and what the corpus in tests/services/verifier/corpus promises."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from services.verifier.accuracy.labelled import read_labels
from services.verifier.accuracy.measure import Rate, outcomes, tallies
from services.verifier.constraints import check, registry, writing
from services.verifier.text import Text
from tests.services.verifier.reference_data import DATA

CORPUS = Path(__file__).parent / "corpus"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["constraints", "eval", *arguments])
    return result.exit_code, result.output


def labelled(folder: Path, *rows: dict[str, object]) -> str:
    path = folder / "labels.jsonl"
    common = {"language": "en", "kind": "story", "why": "a test"}
    path.write_text("\n".join(json.dumps(common | row) for row in rows), encoding="utf-8")
    return str(path)


def test_violations_are_the_positives(tmp_path: Path) -> None:
    comma = "punctuation:no_comma"
    file = labelled(
        tmp_path,
        {"text": "a, b", "violates": [[comma]]},
        {"text": "a, b, c", "obeys": [[comma]]},  # a false violation, by a wrong label
        {"text": "a b", "violates": [[comma]]},  # missed
        {"text": "a b c", "obeys": [[comma]]},
    )
    found = tallies(outcomes(read_labels([Path(file)])), lambda label: label.checker)[comma]
    assert (found.precision.value, found.recall.value) == (0.5, 0.5)
    code, output = run(file, "--errors", "--least-precision", "0.6")
    assert code == 1
    assert "row 2: punctuation:no_comma {}: violated, wrongly" in output
    assert "row 3: punctuation:no_comma {}: passed, wrongly" in output


def test_a_count_is_obeyed_exactly_and_violated_by_one(tmp_path: Path) -> None:
    file = labelled(
        tmp_path, {"text": "two words", "counts": {"length:words": 2}}, {"text": "x", "counts": {"length:words": 1}}
    )
    found = [(label.kwargs, label.violated) for label in read_labels([Path(file)])]
    assert found == [
        ({"min": 2, "max": 2}, False),
        ({"min": 3}, True),
        ({"min": 1, "max": 1}, False),
        ({"max": 0}, True),
    ]


def test_intervals_are_wilsons() -> None:
    low, high = Rate(9, 10).interval or (0, 0)
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert Rate(0, 0).interval is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a", "obeys": [["lenght:words", {}]]}, "unknown constraint id"),
        ({"text": "a", "obeys": [["length:words", {"mxa": 1}]]}, "mxa"),
        ({"txt": "a"}, "text: Field required"),
    ],
)
def test_wrong_labels_are_named(tmp_path: Path, row: dict[str, object], said: str) -> None:
    code, output = run(labelled(tmp_path, row))
    assert code == 2
    assert said in output
    assert "row 1" in output


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    code, output = run(str(tmp_path / "none"))
    assert code == 2
    assert "no such file or folder" in output


def test_no_text_stands_in_both_halves() -> None:
    halves = [{label.row.text for label in read_labels([CORPUS / half])} for half in ("dev", "test")]
    assert halves[0]
    assert halves[0].isdisjoint(halves[1])


def test_each_checker_of_our_own_has_thirty_texts_either_way() -> None:
    """In both halves together; one text may obey some kwargs and violate others."""
    own = {id for id, found in registry.items() if found.test.__module__.startswith(writing.__name__)}
    texts: dict[tuple[str, bool], set[str]] = {(id, violated): set() for id in own for violated in (False, True)}
    for label in read_labels([CORPUS / half for half in ("dev", "test")]):
        if label.checker in own:
            texts[label.checker, label.violated].add(label.row.text)
    below = sorted(
        f"{id}: {len(found)} that {'violate' if violated else 'obey'}"
        for (id, violated), found in texts.items()
        if len(found) < 30
    )
    assert own
    assert not below, "\n".join(below)


def test_a_checker_that_is_wrong_too_often_is_unsure() -> None:
    """Of the texts that were set aside and of the hard ones; one with few violations says nothing about its checker."""
    for folder in ("test", "hard"):
        for id, tally in tallies(outcomes(read_labels([CORPUS / folder])), lambda label: label.checker).items():
            precision = tally.precision
            assert registry[id].unsure or precision.of < 10 or (precision.value or 0) >= 0.95, (folder, id, precision)


needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is absent: set RLMR_TEST_DATA to a copy of it")


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@needs_data
def test_real_chinese_paragraphs_are_chinese() -> None:
    """Of WritingBench's queries: langdetect alone takes one in seventeen for Korean."""
    parts = [part for row in rows("writingbench/length_subset.jsonl") for part in row["query"].split("\n")]
    chinese = [
        part for part in parts if 2 * len(found := re.findall("[\u4e00-\u9fff]", part)) > len(part) and len(found) >= 10
    ]
    assert len(chinese) > 3_000
    assert all(check("script:language", {"language": "zh"}, "", part).passed for part in chinese)


@needs_data
def test_words_of_real_responses_are_counted_as_by_wc() -> None:
    """Of GPT-4's answers to IFEval: what is left are answers in code and markup, where nobody knows what a word is."""
    plain = [row["response"] for row in rows("ifeval/gpt4_verdicts.jsonl") if row["response"].isascii()]
    equal = [
        len(Text(text).counted_words) == sum(bool(re.search(r"\w", run)) for run in re.sub("--+", " ", text).split())
        for text in plain
    ]
    assert sum(equal) > 0.94 * len(plain)
