"""Rules are checked in threads: neither probes nor other requests wait for a long text."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rlmr.wire import VerifySample
from services.verifier.app import build_app
from services.verifier.checking import slices
from services.verifier.constraints import registry
from services.verifier.constraints.registry import Checker, NoKwargs, Verdict
from services.verifier.settings import VerifierSettings
from services.verifier.text import Text


class Held:
    """A checker that does not end before the test lets it."""

    def __init__(self) -> None:
        self.begun, self.end = threading.Event(), threading.Event()

    def test(self, text: Text, kw: NoKwargs) -> Verdict:
        self.begun.set()
        return Verdict(self.end.wait(60), "held")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    checker = Held()
    monkeypatch.setitem(
        registry, "test:held", Checker("test:held", NoKwargs, checker.test, "Anything.", "Anything.", 1)
    )
    yield checker
    checker.end.set()


def ask(client: TestClient, type: str) -> Any:
    sample = {"id": "a", "prompt": "p", "response": "a b", "constraints": [{"type": type}]}
    return client.post("/verify", json={"samples": [sample]}).json()["results"][0]["passed"]


def test_probes_and_other_requests_are_answered_in_the_middle_of_a_check(held: Held) -> None:
    with TestClient(build_app(VerifierSettings())) as client:
        answers: list[Any] = []
        long = threading.Thread(target=lambda: answers.append(ask(client, "test:held")))
        long.start()
        assert held.begun.wait(60)
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert ask(client, "punctuation:no_comma") is True
        assert not answers
        held.end.set()
        long.join()
    assert answers == [True]


def test_slices_are_short_and_keep_the_order() -> None:
    lengths = [10, 200_000, 30_000, 30_000, 0, 0, 49_000, 5] + [20] * 500
    samples = [VerifySample(id=str(i), prompt="p", response="x" * n, constraints=[]) for i, n in enumerate(lengths)]
    parts = list(slices(samples))
    assert [s for part in parts for s in part] == samples
    for part in parts:
        assert sum(len(s.response) for s in part[:-1]) < 50_000
        assert len(part) <= 50
