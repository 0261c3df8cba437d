"""The IFEval checkers against the reference verdicts of 541 GPT-4 responses."""

import pytest

from tests.services.verifier.reference_data import DATA, Row, rows

pytestmark = pytest.mark.skipif(
    not (DATA / "ifeval").exists(),
    reason=f"{DATA}/ifeval is absent: set RLMR_TEST_DATA to a copy of the reference data",
)

# The reference draws a random letter where the wanted one is not a Latin letter, so its verdict means nothing there.
RANDOM_IN_THE_REFERENCE = {("1129", "keywords:letter_frequency")}
# Ids that need a sentence splitter or a language detector: 99 % is asked of them. Everywhere else verdicts must be equal.
INEXACT = {
    "length_constraints:number_sentences",
    "change_case:capital_word_frequency",
    "change_case:english_capital",
    "change_case:english_lowercase",
    "language:response_language",
}


@pytest.fixture(scope="module")
def verdicts() -> list[Row]:
    return rows("ifeval/input_data.jsonl", "ifeval/gpt4_verdicts.jsonl")


def test_every_instruction_of_the_data_is_checked(verdicts: list[Row]) -> None:
    assert len(verdicts) == 834
    assert len({row.id for row in verdicts}) == 25


def test_verdicts_equal_the_reference_exactly_where_no_splitter_or_detector_is_needed(verdicts: list[Row]) -> None:
    exact = [r for r in verdicts if r.id not in INEXACT and (r.key, r.id) not in RANDOM_IN_THE_REFERENCE]
    assert [r for r in exact if r.ours != r.reference] == []


def test_verdicts_equal_the_reference_in_99_percent_over_all(verdicts: list[Row]) -> None:
    assert sum(r.ours == r.reference for r in verdicts) / len(verdicts) >= 0.99


@pytest.mark.parametrize(
    ("mode", "level", "percent"),
    [
        ("strict", "prompt", 76.89),
        ("loose", "prompt", 79.67),
        ("strict", "instruction", 83.57),
        ("loose", "instruction", 85.61),
    ],
)
def test_totals(verdicts: list[Row], mode: str, level: str, percent: float) -> None:
    passed = [(r.key, r.ours[mode == "loose"]) for r in verdicts]
    if level == "prompt":
        accuracy = 1 - len({key for key, ok in passed if not ok}) / len({key for key, _ in passed})
    else:
        accuracy = sum(ok for _, ok in passed) / len(passed)
    assert accuracy * 100 == pytest.approx(percent, abs=0.4)
