"""With a judge, the verifier is ready while the judge is served, knows the golden verdicts, and answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.judge.golden import ITEMS
from services.verifier.settings import VerifierSettings
from tests.services.verifier.scripted_judge import ScriptedJudge, completion, verdict


def shown(body: dict[str, Any]) -> str:
    return str(body["messages"][1]["content"].split("=====")[-3].strip())


def knowing(body: dict[str, Any], wrong: int = 0) -> Any:
    """Knows the golden verdicts but the first `wrong` of them, and finds everything else met."""
    known = {item.response: item.met for item in ITEMS}
    mistaken = {item.response for item in ITEMS[:wrong]}
    return verdict(known.get(shown(body), True) is not (shown(body) in mistaken))


@pytest.fixture
def judge() -> Iterator[ScriptedJudge]:
    with ScriptedJudge(knowing) as scripted:
        yield scripted


@contextmanager
def verifier(judge: ScriptedJudge, **settings: Any) -> Iterator[TestClient]:
    defaults = {"judge_seconds": 5.0, "judge_retries": 0, "judge_check_seconds": 0.05}
    given: dict[str, Any] = {"judge_url": judge.url, "judge_model": "scripted", **defaults, **settings}
    with TestClient(build_app(VerifierSettings(**given))) as client:
        yield client


def reason(client: TestClient) -> str | None:
    reply = client.get("/readyz")
    assert reply.status_code in (200, 503)
    return None if reply.status_code == 200 else str(reply.json()["reasons"][0])


def wait_until(client: TestClient, wanted: str | None) -> None:
    """None: ready."""
    end = time.monotonic() + 30
    while (found := reason(client)) != wanted and not (found and wanted and wanted in found):
        assert time.monotonic() < end, found
        time.sleep(0.02)


def metric(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"rlmr_verifier_{name}"))


def ask(client: TestClient, response: str) -> dict[str, Any]:
    sample = {"id": "a", "prompt": "p", "response": response, "constraints": [{"type": "judge", "text": "It is calm."}]}
    return dict(client.post("/verify", json={"samples": [sample]}).json()["results"][0])


def test_a_judge_that_knows_the_golden_verdicts_is_ready(judge: ScriptedJudge) -> None:
    with verifier(judge) as client:
        wait_until(client, None)
        assert metric(client, "judge_golden_wrong") == 0
        assert metric(client, 'judge_calls_total{outcome="ok",purpose="golden"}') == len(ITEMS)
    assert len(judge.bodies) == len(ITEMS)


def test_they_are_in_two_languages_and_half_of_them_are_violated() -> None:
    assert sum(item.met for item in ITEMS) == len(ITEMS) / 2
    assert sum(item.prompt.isascii() for item in ITEMS) == len(ITEMS) / 2
    assert len({item.response for item in ITEMS}) == len(ITEMS)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda body: verdict(True), "violated: met"),
        (lambda body: verdict(False), "met: violated"),
        (lambda body: completion("The requirement is met."), "unparseable"),
        (lambda body: (400, {}, "maximum context length is 64 tokens"), "too_long"),
    ],
    ids=["always met", "always violated", "prose", "too small a context"],
)
def test_a_judge_that_does_not_know_them_is_not_ready_and_the_reason_names_some(
    judge: ScriptedJudge, answer: Any, named: str
) -> None:
    judge.answer = answer
    with verifier(judge) as client:
        wait_until(client, "golden verdicts are wrong, at most 25% may be (JUDGE_GOLDEN_WRONG_SHARE)")
        assert named in (reason(client) or "")
        assert metric(client, "judge_golden_wrong") >= 0.5


@pytest.mark.parametrize(("wrong", "share", "ready"), [(2, 0.25, True), (3, 0.25, False), (1, 0.0, False), (3, 0.4, True)])  # fmt: skip
def test_a_small_judge_may_be_wrong_in_as_many_as_the_setting_says(
    judge: ScriptedJudge, wrong: int, share: float, ready: bool
) -> None:
    judge.answer = lambda body: knowing(body, wrong)
    with verifier(judge, judge_golden_wrong_share=share) as client:
        wait_until(client, None if ready else f"{wrong} of {len(ITEMS)} golden verdicts are wrong")
        assert metric(client, "judge_golden_wrong") == wrong / len(ITEMS)


def test_log_probabilities_have_golden_verdicts_too(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_mode="yes_no") as client:
        wait_until(client, "unparseable")
    assert {body["max_tokens"] for body in judge.bodies} == {1}


def test_the_published_mode_has_golden_verdicts_in_its_own_prompt(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_mode="paper") as client:
        wait_until(client, None)
    assert all("The requirements:" in str(body) or "要求：" in str(body) for body in judge.bodies)


@pytest.mark.parametrize(
    ("models", "named"),
    [
        ({"data": []}, "it serves no model, not 'scripted' (RLMR_VERIFIER_JUDGE_MODEL)"),
        ({"data": [{"id": "other"}]}, "it serves 'other', not 'scripted'"),
        ({"models": []}, "not a list of models"),
        ("scripted", "not a list of models"),
        ({"data": [None]}, "not a list of models"),
        ({"data": ["scripted"]}, "not a list of models"),
    ],
)
def test_an_endpoint_that_does_not_list_the_model_is_not_ready(judge: ScriptedJudge, models: Any, named: str) -> None:
    judge.models = models
    with verifier(judge) as client:
        assert named in (reason(client) or "")
        judge.models = {"data": [{"id": "scripted"}]}
        wait_until(client, None)


def test_golden_verdicts_that_the_endpoint_did_not_answer_say_nothing_of_the_judge(judge: ScriptedJudge) -> None:
    judge.faults = [(503, {}, "loading")] * 3
    with verifier(judge) as client:
        wait_until(client, None)
        assert metric(client, "judge_golden_wrong") == 0


def test_a_judge_that_was_proven_stays_so_while_it_is_overloaded(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_golden_minutes=0.001, judge_failed_calls=100_000) as client:
        wait_until(client, None)
        judge.answer = lambda body: (503, {}, "busy")
        asked = len(judge.bodies)
        while len(judge.bodies) < asked + 3 * len(ITEMS):
            assert reason(client) is None


def test_another_model_under_the_same_name_is_proven_anew_and_has_another_identity(judge: ScriptedJudge) -> None:
    def identity(client: TestClient) -> str:
        return str(client.get("/v1/info").json()["details"]["verifier"]["judge"])

    with verifier(judge) as client:
        wait_until(client, None)
        before = identity(client)
        assert ask(client, "calm")["passed"] is True
        judge.answer = lambda body: verdict(False)
        judge.models = {"data": [{"id": "scripted", "root": "/models/another"}]}
        wait_until(client, "golden verdicts are wrong")
        assert identity(client) != before
        assert ask(client, "calm")["passed"] is False  # what the other one said is not remembered as this one's


def test_calls_that_fail_in_a_row_make_it_not_ready_until_one_succeeds(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_failed_calls=5) as client:
        wait_until(client, None)
        judge.answer = lambda body: (500, {}, "out of memory")
        for i in range(5):
            assert reason(client) is None
            assert ask(client, f"calm {i}")["status"] == "unavailable"
        wait_until(client, "calls failed, the last one with: judge: HTTP 500 (1 attempt)")
        assert metric(client, "judge_failed_in_row") >= 5
        judge.answer = knowing  # nobody asks a service that is not ready: it finds out by itself
        wait_until(client, None)
        assert metric(client, "judge_failed_in_row") == 0


def test_a_judge_that_is_too_slow_for_its_callers_counts_as_failing(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_failed_calls=1, timeout_seconds=0.3) as client:
        wait_until(client, None)
        judge.answer = lambda body: "hang"
        assert ask(client, "calm")["status"] == "timeout"
        assert "no answer in the time of its callers" in (reason(client) or "")
        assert 'outcome="timeout",purpose="verdict"} 1.0' in client.get("/metrics").text


def test_texts_that_are_too_long_are_not_the_judges_fault(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_failed_calls=1) as client:
        wait_until(client, None)
        judge.answer = lambda body: (400, {}, "maximum context length is 4096 tokens")
        assert ask(client, "calm")["status"] == "too_long"
        assert reason(client) is None


def test_golden_verdicts_do_not_wait_behind_everybodys_calls(judge: ScriptedJudge) -> None:
    """The only slot is taken for a minute."""
    judge.answer = lambda body: "hang" if "endless" in shown(body) else knowing(body)
    with verifier(judge, judge_concurrency=1, timeout_seconds=1, judge_golden_minutes=0.005) as client:
        wait_until(client, None)
        asked = metric(client, 'judge_calls_total{outcome="ok",purpose="golden"}')
        assert ask(client, "endless")["status"] == "timeout"
        assert metric(client, 'judge_calls_total{outcome="ok",purpose="golden"}') > asked
