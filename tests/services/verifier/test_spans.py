"""Where a violation shows: places in characters of the response, from the checker to the aggregator's reply."""

from typing import Any

import pytest

from rlmr.wire import RewardGroup, SampleVerdict, Status, VerifyRequest
from services.aggregator.deciding import decide
from services.aggregator.mixing import GroupFilter, bind
from services.aggregator.signals import Signals, Writing, verdict_of
from services.verifier.constraints import check
from services.verifier.constraints.registry import MAX_SPANS
from tests.three_services import Services

CASES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("punctuation:no_comma", {}, "Ein 🌊, zwei, drei", [",", ","]),
    ("keywords:forbidden_words", {"forbidden_words": ["storm", "sea"]}, "The Sea: a storm. Seaside.", ["Sea", "storm"]),
    (
        "keywords:frequency",
        {"keyword": "rain", "frequency": 2, "relation": "less than"},
        "Rain, raining.",
        ["Rain", "rain"],
    ),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "It was über cold. ", ["über cold"]),
    ("length_constraints:number_words", {"num_words": 9, "relation": "at least"}, "Too short.", []),
    ("keywords:existence", {"keywords": ["moon"]}, "No such word.", []),
]


@pytest.mark.parametrize(("type", "kwargs", "text", "shown"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_violation_shows_where_it_is(type: str, kwargs: dict[str, Any], text: str, shown: list[str]) -> None:
    verdict = check(type, kwargs, "", text)
    assert not verdict.passed
    assert [text[start:end] for start, end in verdict.spans] == shown


def test_a_flood_of_violations_is_cut() -> None:
    assert len(check("punctuation:no_comma", {}, "", "," * 10_000).spans) == MAX_SPANS
    assert check("punctuation:no_comma", {}, "", "none").spans == ()


def test_the_aggregator_counts_from_the_beginning_of_what_it_was_sent(services: Services) -> None:
    """Thinking that was cut off before the verifier saw the text counts, too."""
    constraints = [
        {"type": "punctuation:no_comma", "kwargs": {}},
        {"type": "keywords:forbidden_words", "kwargs": {"forbidden_words": ["a"]}},
    ]
    body = {"groups": [{"id": "g", "prompt": "p", "constraints": constraints, "responses": ["a, b", "b"]}]}
    VerifyRequest.model_validate(body)
    with services.client("verifier") as http:
        results = http.post("/verify", json=body).json()["groups"][0]["results"]
    assert [c["spans"] for c in results[0]["constraints"]] == [[[1, 2]], [[0, 1]]]
    verdicts = [verdict_of(SampleVerdict.model_validate(result)) for result in results]
    group = RewardGroup(id="g", prompt="p", constraints=[], responses=["<think>, a</think>a, b", "b"])
    signals = Signals([Writing(Status.OK, 0.0), Writing(Status.OK, 1.0)], verdicts)
    result = decide(group, [18, 0], signals, bind("rlmr", {}), GroupFilter())
    assert [s.spans for s in result.diagnostics.samples] == [[(18, 19), (19, 20)], []]
