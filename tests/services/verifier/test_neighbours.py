"""A sample's answer is its own: whatever stands beside it, whatever was asked before."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from services.verifier.app import build_app
from services.verifier.constraints import registry
from services.verifier.constraints.registry import Checker, NoKwargs, Verdict
from services.verifier.settings import VerifierSettings
from services.verifier.text import Text

NO_COMMA = {"type": "punctuation:no_comma"}

# Good ones beside bad ones that look like them: the same kwargs in another order, a text that reads as none was given, an id or
# a text with the signs that a key might be put together with.
CONSTRAINTS: list[dict[str, Any]] = [
    NO_COMMA,
    {**NO_COMMA, "kwargs": {}},
    {**NO_COMMA, "text": "x"},
    {**NO_COMMA, "text": "None"},
    {**NO_COMMA, "text": ""},
    {**NO_COMMA, "kwargs": {"a": 1, "b": 2}},
    {**NO_COMMA, "kwargs": {"b": 2, "a": 1}},
    {"type": "punctuation:no_comma\0"},
    {"type": "punctuation:no_comma\0\0None\npunctuation:no_comma"},
    {"type": "no:such"},
    {"type": "length:words", "kwargs": {"min": 1, "max": 3}},
    {"type": "length:words", "kwargs": {"max": 3, "min": 1}},
    {"type": "length:words", "kwargs": {"max": 1, "min": 3}},
    {"type": "length:words", "kwargs": {"min": 1.0, "max": 3}},
    {"type": "length:words", "kwargs": {"min": True, "max": 3}},
    {"type": "length:words", "kwargs": {"min": "1", "max": 3}},
    {"type": "judge", "text": "calm"},
    {"type": "judge", "text": " "},
    {"type": "judge", "text": "calm", "kwargs": {"a": 1}},
]
PROMPTS = ["p", [{"role": "user", "content": "p"}], [{"role": "user", "content": "p"}, {"role": "assistant", "content": "q"}], "p\n\nq"]  # fmt: skip
SAMPLES = st.fixed_dictionaries(
    {
        "prompt": st.sampled_from(PROMPTS),
        "response": st.sampled_from(["one two", "one, two", "", "one two three four"]),
        "constraints": st.one_of(st.none(), st.lists(st.sampled_from(CONSTRAINTS), max_size=3)),
    }
)


def answers(client: TestClient, samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    body = {"samples": [{"id": str(i), **sample} for i, sample in enumerate(samples)]}
    reply = client.post("/verify", json=body)
    assert reply.status_code == 200, reply.text
    return [{**result, "id": "-"} for result in reply.json()["results"]]


@pytest.fixture(scope="module")
def used() -> Iterator[TestClient]:
    """A verifier that remembers whatever these tests have asked it."""
    with TestClient(build_app(VerifierSettings())) as client:
        yield client


@pytest.fixture(scope="module")
def forgetful() -> Iterator[TestClient]:
    with TestClient(build_app(VerifierSettings(cache_bytes=0))) as client:
        yield client


def test_a_stray_text_is_the_fault_of_its_own_sample_only(used: TestClient) -> None:
    stray = {"prompt": "p", "response": "calm", "constraints": [{**NO_COMMA, "text": "stray"}]}
    valid = {"prompt": "p", "response": "calm", "constraints": [NO_COMMA]}
    assert [r["status"] for r in answers(used, [stray, valid])] == ["invalid_input", "ok"]
    assert [r["status"] for r in answers(used, [valid, stray])] == ["ok", "invalid_input"]


@settings(max_examples=150, deadline=None, database=None)
@given(samples=st.lists(SAMPLES, min_size=1, max_size=8), seed=st.integers(0, 99))
def test_in_any_mix_and_order_every_answer_is_the_one_that_the_sample_gets_alone(
    used: TestClient, forgetful: TestClient, samples: list[dict[str, Any]], seed: int
) -> None:
    alone = [answers(forgetful, [sample])[0] for sample in samples]
    order = random.Random(seed).choices(range(len(samples)), k=2 * len(samples))  # some twice, some never
    for client in (used, forgetful):
        assert answers(client, [samples[i] for i in order]) == [alone[i] for i in order]


def test_a_checker_that_breaks_its_promise_and_raises_fails_its_sample_alone(
    used: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: Text, kw: NoKwargs) -> Verdict:
        raise ZeroDivisionError("no words")

    faulty = Checker("test:broken", NoKwargs, broken, "Anything.", "Anything at all.", 1)
    monkeypatch.setitem(registry, "test:broken", faulty)
    samples = [
        {"prompt": "p", "response": "calm", "constraints": [constraint]}
        for constraint in (NO_COMMA, {"type": "test:broken"}, NO_COMMA)
    ]
    results = answers(used, samples)
    assert [(r["status"], r["passed"]) for r in results] == [("ok", True), ("unavailable", None), ("ok", True)]
    assert results[1]["reason"] == "test:broken: the checker failed: ZeroDivisionError: no words"
    mended = Checker("test:broken", NoKwargs, lambda text, kw: Verdict(True, "well"), "Anything.", "Anything.", 1)
    monkeypatch.setitem(registry, "test:broken", mended)
    assert answers(used, samples[1:2])[0]["passed"] is True  # a failure is not remembered
