"""The IFBench checkers against the reference verdicts of 193 responses."""

import json

import pytest

from services.verifier.constraints import describe, prepare, registry
from tests.services.verifier.reference_data import DATA, Row, rows

pytestmark = pytest.mark.skipif(
    not (DATA / "ifbench").exists(),
    reason=f"{DATA}/ifbench is absent: set RLMR_TEST_DATA to a copy of the reference data",
)

# Ids that need a sentence splitter, a part-of-speech tagger or a syllable dictionary.
INEXACT = {
    "count:pronouns",
    "custom:sentence_alphabet",
    "format:emoji",
    "format:no_bullets_bullets",
    "format:title_case",
    "ratio:sentence_balance",
    "ratio:sentence_type",
    "ratio:sentence_words",
    "sentence:alliteration_increment",
    "sentence:increment",
    "sentence:keyword",
    "words:keywords_specific_position",
    "words:last_first",
    "words:odd_even_syllables",
    "words:start_verb",
    "words:words_position",
}


@pytest.fixture(scope="module")
def verdicts() -> list[Row]:
    return rows("ifbench/test.jsonl", "ifbench/sample_verdicts.jsonl")


def test_verdicts_equal_the_reference_exactly_where_no_splitter_tagger_or_syllables_are_needed(
    verdicts: list[Row],
) -> None:
    assert [r for r in verdicts if r.id not in INEXACT and r.ours != r.reference] == []


def test_verdicts_equal_the_reference_in_97_percent_over_all(verdicts: list[Row]) -> None:
    assert sum(r.ours == r.reference for r in verdicts) / len(verdicts) >= 0.97


def test_every_id_of_the_benchmark_is_registered_and_takes_its_kwargs() -> None:
    seen = set()
    with (DATA / "ifbench" / "test.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for id, kwargs in zip(row["instruction_id_list"], row["kwargs"], strict=True):
                given = {k: v for k, v in kwargs.items() if v is not None}
                prepare(id, given)
                assert describe(id, given)
                seen.add(id)
    assert len(seen) == 58
    assert seen <= registry.keys()
