"""What a failing upstream does to a group: a status and a drop, never a 500, never a score."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from rlmr.calls import seconds_of
from services.aggregator.settings import AggregatorSettings
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

GROUP = ("w=5 bad", "w=1", "w=2", "w=3")
SECOND = ("status", 429, {"Retry-After": "1"})


def assert_dropped(group: dict[str, Any], column: str, status: str) -> None:
    assert (group["decision"], group["reason"]) == ("drop", "unavailable")
    assert group["rewards"] == [None] * len(GROUP)
    assert group["valid"] == [False] * len(GROUP)
    assert {s[column] for s in group["diagnostics"]["samples"]} == {status}
    assert all(s["reasons"] for s in group["diagnostics"]["samples"])


@pytest.mark.parametrize("fault", [500, 502, 503, 429, "reset", "half_closed"])
@pytest.mark.parametrize("which", ["writing", "verifier"])
def test_what_a_repeat_can_mend_is_repeated(bench: Bench, which: str, fault: Any) -> None:
    upstream: FakeUpstream = getattr(bench, which)
    upstream.faults.extend([fault, fault])
    assert bench.group(*GROUP)["decision"] == "train"
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    ("fault", "status", "attempts"),
    [
        (500, "unavailable", 4),
        (503, "unavailable", 4),
        (429, "unavailable", 4),
        ("reset", "unavailable", 4),
        ("half_closed", "unavailable", 4),
        (404, "unavailable", 1),
        (302, "unavailable", 1),
        ("truncated", "unparseable", 4),
        ("not_json", "unparseable", 4),
        ("short", "unparseable", 4),
        ("swapped", "unparseable", 4),
        ("hang", "timeout", 1),
        ("drip", "timeout", 1),
    ],
)
@pytest.mark.parametrize("which", ["writing", "verifier"])
def test_what_stays_broken_drops_the_group(bench: Bench, which: str, fault: Any, status: str, attempts: int) -> None:
    upstream: FakeUpstream = getattr(bench, which)
    upstream.always = fault
    group = bench.group(*GROUP)
    assert_dropped(group, "score_status" if which == "writing" else "verify_status", status)
    assert len(upstream.requests) == attempts
    # What the other upstream said is still reported.
    assert group["violated" if which == "writing" else "writing"] != [None] * 4


@pytest.mark.parametrize(("code", "status"), [(400, "invalid_input"), (413, "too_long"), (422, "invalid_input")])
def test_a_refused_group_is_the_groups_own_fault_and_not_repeated(bench: Bench, code: int, status: str) -> None:
    bench.writing.always = code
    group = bench.group(*GROUP)
    assert (group["decision"], group["reason"]) == ("drop", "too_few_valid")
    assert group["diagnostics"]["samples"][0]["score_status"] == status
    assert len(bench.writing.requests) == 1


@pytest.mark.parametrize("which", ["writing", "verifier"])
def test_a_key_that_an_upstream_does_not_take_is_an_error_with_the_remedy(bench: Bench, which: str) -> None:
    getattr(bench, which).always = 401
    reply = bench.ask(*GROUP)
    assert (reply.status_code, reply.json()["code"]) == (424, "upstream_key")
    assert "RLMR_AGGREGATOR_UPSTREAM_API_KEY" in reply.json()["message"]


def test_nan_invalidates_its_own_sample_only(bench: Bench) -> None:
    bench.writing.always = "nan"
    group = bench.group("w=4", *GROUP)
    assert group["decision"] == "train"
    assert group["valid"] == [False, True, True, True, True]
    assert group["rewards"][0] is None
    assert group["diagnostics"]["samples"][0]["score_status"] == "unparseable"


def test_an_ok_verdict_without_a_value_invalidates_its_own_sample_only(bench: Bench) -> None:
    bench.verifier.always = "nan"
    group = bench.group("w=4", *GROUP)
    assert group["valid"] == [False, True, True, True, True]
    assert group["diagnostics"]["samples"][0]["verify_status"] == "unparseable"


def test_an_overloaded_upstream_is_asked_again_as_often_as_the_deadline_allows(bench: Bench) -> None:
    """RETRIES is 3 here: a full queue must delay a group, not drop it."""
    bench.writing.faults.extend([("status", 429, {"Retry-After": "0"}), ("status", 503, {"Retry-After": "0"})] * 4)
    assert bench.group(*GROUP)["decision"] == "train"
    assert len(bench.writing.requests) == 9


def test_retry_after_is_obeyed(bench: Bench) -> None:
    bench.writing.faults.append(SECOND)
    started = time.monotonic()
    assert bench.group(*GROUP)["decision"] == "train"
    assert time.monotonic() - started >= 1.0


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(bench: Bench) -> None:
    bench.writing.always = ("status", 503, {"Retry-After": "3600"})
    assert_dropped(bench.group(*GROUP), "score_status", "unavailable")
    assert len(bench.writing.requests) == 1


def test_a_failed_group_leaves_the_other_groups_of_its_request_alone(bench: Bench) -> None:
    bench.writing.faults.append(422)
    groups = [{"id": i, "prompt": "p", "constraints": None, "responses": list(GROUP)} for i in "ab"]
    reply = bench.http.post("/reward", json={"groups": groups}).json()
    assert sorted(g["decision"] for g in reply["groups"]) == ["drop", "train"]


def test_quality_only_lives_without_the_verifier_and_verify_only_without_the_writing_rm(bench: Bench) -> None:
    bench.verifier.always = 500
    group = bench.group(*GROUP, strategy="quality_only")
    assert (group["decision"], group["rewards"]) == ("train", [5, 1, 2, 3])
    assert group["violated"] == [None] * 4
    bench.verifier.always, bench.writing.always = "ok", 500
    group = bench.group(*GROUP, strategy="verify_only")
    assert (group["decision"], group["rewards"]) == ("train", [0, 1, 1, 1])


def test_a_dropped_group_is_logged_with_its_reason(bench: Bench) -> None:
    bench.writing.always = 404
    request_id = f"drop-{time.monotonic_ns()}"
    body = {"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": ["w=1"]}]}
    bench.http.post("/reward", json=body, headers={"X-Request-ID": request_id})
    entry = bench.process.wait_for_log("group_dropped")
    while entry["request_id"] != request_id:
        entry = bench.process.wait_for_log("group_dropped")
    assert entry["reason"] == "unavailable"
    assert "HTTP 404" in entry["first_failure"]


def test_an_upstream_that_goes_away_and_comes_back(bench: Bench, fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    writing, verifier = FakeUpstream("score").start(), fakes[1]
    with (
        ServiceProcess("aggregator", aggregator_env(writing, verifier)) as process,
        httpx.Client(base_url=process.url, timeout=30) as http,
    ):
        body = {"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": list(GROUP)}]}

        def decision() -> tuple[str, str | None]:
            group = http.post("/reward", json=body).json()["groups"][0]
            return group["decision"], group["reason"]

        assert http.get("/readyz").status_code == 200
        assert decision() == ("train", None)
        writing.stop()
        not_ready = http.get("/readyz")
        assert not_ready.status_code == 503
        assert "writing_rm at" in not_ready.json()["reasons"][0]
        assert http.get("/livez").status_code == 200
        assert decision() == ("drop", "unavailable")
        writing.start()
        assert http.get("/readyz").status_code == 200
        assert decision() == ("train", None)
    writing.stop()


def test_readiness_names_the_upstream_that_is_not_ready_and_what_it_said(bench: Bench) -> None:
    assert bench.http.get("/readyz").status_code == 200
    bench.verifier.ready = False
    reply = bench.http.get("/readyz")
    assert reply.status_code == 503
    assert len(reply.json()["reasons"]) == 1
    assert "verifier" in reply.json()["reasons"][0]
    assert "model still loading" in reply.json()["reasons"][0]


def test_an_upstream_that_scales_from_zero_may_be_away(fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    """Otherwise nobody could wake it: its autoscaler counts the attempts of an aggregator that takes requests."""
    for fake in fakes:
        fake.reset()
    writing, verifier = fakes
    with ServiceProcess("aggregator", aggregator_env(*fakes, READY_WITHOUT='["writing_rm"]')) as process:
        writing.ready = False
        assert httpx.get(process.url + "/readyz").status_code == 200
        verifier.ready = False
        assert httpx.get(process.url + "/readyz").status_code == 503


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert seconds_of("7") == 7
    assert 90 < (seconds_of(format_datetime(soon, usegmt=True)) or 0) <= 100
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of(None) is None
    assert seconds_of("soon") is None


def test_the_deadline_grows_with_the_text() -> None:
    settings = AggregatorSettings(timeout_seconds=10, timeout_seconds_per_1000_chars=0.1, timeout_max_seconds=100)
    assert settings.deadline(0) == 10
    assert settings.deadline(100_000) == 20
    assert settings.deadline(10**9) == 100
