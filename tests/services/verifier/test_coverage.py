"""The annotations of WritingBench's queries: every named checker exists and takes its kwargs, and the command counts them."""

from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from services.verifier.accuracy.coverage import read_annotations, shares

ANNOTATIONS = Path(__file__).parent / "coverage" / "writingbench.yaml"
FRESH = ANNOTATIONS.with_name("writingbench_fresh.yaml")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["constraints", "coverage", *arguments])
    return result.exit_code, result.output


def test_the_annotations_are_of_150_queries_and_36_others_and_quote_little() -> None:
    queries, fresh = read_annotations(ANNOTATIONS), read_annotations(FRESH)
    assert len({query.query for query in queries}) == 150
    assert Counter(query.of for query in queries) == {"length": 50, "style": 50, "format": 50}
    assert not {query.query for query in queries} & {query.query for query in fresh}
    for query in queries + fresh:
        for requirement in query.requirements:
            assert len(requirement.quote.split()) <= 12, (query.query, requirement.quote)
            assert len(requirement.quote) <= 100, (query.query, requirement.quote)


def test_the_command_counts_them() -> None:
    code, output = run(str(ANNOTATIONS), "--checkers")
    assert code == 0, output
    all_of_them = shares(read_annotations(ANNOTATIONS))["all"]
    (line,) = [line for line in output.splitlines() if line.startswith("all ")]
    assert line.split()[1:4] == ["150", str(all_of_them.hard), str(all_of_them.counts["exactly"])]
    assert "length:words" in output


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("{quote: a, by: exactly, checker: 'lenght:words', kwargs: {max: 3}}", "did you mean"),
        ("{quote: a, by: roughly, checker: 'length:words', kwargs: {mxa: 3}}", "mxa"),
        ("{quote: a, by: exactly}", "a checker is needed"),
        ("{quote: a, by: judge, checker: 'length:words', kwargs: {max: 3}}", "nowhere else"),
        ("{quote: a, by: perhaps}", "by"),
    ],
)
def test_a_wrong_annotation_is_named(requirement: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "annotations.yaml"
    file.write_text(f"- {{query: 1, of: length, language: en, requirements: [{requirement}]}}\n", encoding="utf-8")
    code, output = run(str(file))
    assert code == 2
    assert "row 1" in output
    assert said in output
