"""Patience within the caller's deadline, and one revision a group: over real sockets."""

import threading
import time
from typing import Any

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

GROUP = ("w=5 bad", "w=1 late", "w=2", "w=3 late")


@pytest.mark.parametrize("which", ["writing", "verifier"])
def test_only_the_samples_without_an_answer_are_asked_about_again(bench: Bench, which: str) -> None:
    upstream: FakeUpstream = getattr(bench, which)
    upstream.late_until = 2
    group = bench.group(*GROUP)
    assert (group["decision"], group["writing"], group["violated"]) == (
        "train",
        [5, 1, 2, 3],
        [True, False, False, False],
    )
    asked = [request["groups"][0]["responses"] for request in upstream.requests]
    assert asked == [list(GROUP), ["w=1 late", "w=3 late"], ["w=1 late", "w=3 late"]]


def test_what_is_final_is_not_asked_about_again(bench: Bench) -> None:
    bench.group("w=1", "w=2 bad", "w=invalid_input", "v=unverifiable", "v=unparseable w=3")
    assert (len(bench.writing.requests), len(bench.verifier.requests)) == (1, 1)


def test_what_was_answered_stands_when_the_repeat_fails(bench: Bench) -> None:
    bench.writing.late_until = 9
    bench.writing.faults.extend(["ok", *["truncated"] * 9])
    group = bench.group(*GROUP, "w=4")
    assert group["writing"] == [5, None, 2, None, 4]
    assert group["diagnostics"]["samples"][1]["reasons"] == ["told to be late"]
    assert group["decision"] == "train"


def test_the_deadline_is_the_callers(fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    """With an upstream that refuses connections the aggregator gave up after 16 s, whatever the caller's time."""
    for fake in fakes:
        fake.reset()
    writing = FakeUpstream("score").start()
    writing.stop()
    env = aggregator_env(writing, fakes[1])
    del env["RLMR_AGGREGATOR_RETRIES"]
    body = {"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": list(GROUP)}]}

    def ask(http: httpx.Client, seconds: str) -> tuple[dict[str, Any], float]:
        started = time.monotonic()
        reply = http.post("/reward", json=body, headers={"X-RLMR-Deadline": seconds})
        return reply.json()["groups"][0], time.monotonic() - started

    with ServiceProcess("aggregator", env) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        lost, seconds = ask(http, "1.5")
        assert (lost["reason"], lost["violated"]) == ("unavailable", [True, False, False, False])
        assert seconds < 1.5 * 1.1
        threading.Timer(4.0, writing.start).start()  # later than the aggregator's own 2 s
        kept, seconds = ask(http, "30")
        assert kept["decision"] == "train"
        assert 4.0 < seconds < 11
    writing.stop()
    left = float(writing.headers[0]["X-RLMR-Deadline"])
    assert 18 < left < 26  # what is left is passed on


def test_a_deadline_that_is_no_number_is_refused(bench: Bench) -> None:
    reply = bench.ask(*GROUP, headers={"X-RLMR-Deadline": "soon"})
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (422, "X-RLMR-Deadline")


@pytest.mark.parametrize(("which", "service"), [("writing", "writing_rm"), ("verifier", "verifier")])
def test_another_revision_than_expected_is_a_conflict_with_both(bench: Bench, which: str, service: str) -> None:
    upstream: FakeUpstream = getattr(bench, which)
    assert bench.ask(*GROUP, request={"expect": {service: upstream.revision}}).status_code == 200
    reply = bench.ask(*GROUP, request={"expect": {service: "an-older-one"}})
    assert (reply.status_code, reply.json()["code"]) == (409, "revision_mismatch")
    assert reply.json()["errors"][0]["path"] == f"expect.{service}"
    assert "an-older-one" in reply.json()["message"]
    assert upstream.revision in reply.json()["message"]


def test_answers_of_two_revisions_are_not_mixed(bench: Bench) -> None:
    """The repeat reaches another pod than the first question: everything is asked again, until one revision has said all."""
    bench.writing.late_until = 1
    bench.writing.next_revisions.extend(["r1", "r2", "r2"])
    bench.writing.revision = "r2"
    try:
        reply = bench.ask(*GROUP).json()
    finally:
        bench.writing.revision = "r1"
    assert reply["model"]["revision"] == "r2"
    assert reply["groups"][0]["writing"] == [5, 1, 2, 3]
    assert [len(r["groups"][0]["responses"]) for r in bench.writing.requests] == [4, 2, 4]


def test_a_group_that_two_revisions_answer_to_the_end_is_refused(bench: Bench) -> None:
    bench.writing.late_until = 99
    bench.writing.next_revisions.extend(["r1", "r2"] * 20)
    group = bench.group(*GROUP)
    assert group["decision"] == "drop"


def test_the_filter_of_a_request(bench: Bench) -> None:
    """w is at most 5 here and at least 1."""
    reply = bench.ask(*GROUP, request={"filter": {"all_high": 0.5}}).json()
    assert (reply["groups"][0]["decision"], reply["groups"][0]["reason"]) == ("drop", "all_high")
    assert reply["filter"] == {
        "all_high": 0.5,
        "all_low": None,
        "drop_all_violate": True,
        "min_valid": 2,
        "min_valid_share": 0.5,
    }
    reply = bench.ask(*GROUP, request={"filter": {"all_low": 6, "min_valid": 1}}).json()
    assert (reply["groups"][0]["reason"], reply["filter"]["min_valid"]) == ("all_low", 1)
    assert bench.ask(*GROUP).json()["groups"][0]["decision"] == "train"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"all_hihg": 1}, "filter.all_hihg"),
        ({"min_valid": 0}, "filter.min_valid"),
        ({"all_high": "x"}, "filter.all_high"),
        ({"all_high": 1, "all_low": 2}, "filter"),
    ],
)
def test_a_filter_that_is_wrong_is_named(bench: Bench, given: dict, path: str) -> None:
    reply = bench.ask(*GROUP, request={"filter": given})
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (422, path)


def test_null_in_a_request_switches_off_what_the_service_has_on(fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    for fake in fakes:
        fake.reset()
    with ServiceProcess("aggregator", aggregator_env(*fakes, ALL_HIGH="0.5")) as process:
        group = {"id": "g", "prompt": "p", "constraints": None, "responses": list(GROUP)}

        def reason(**more: Any) -> str | None:
            reply = httpx.post(f"{process.url}/reward", json={"groups": [group], **more}, timeout=30)
            return reply.json()["groups"][0]["reason"]

        assert (reason(), reason(filter={"all_high": None})) == ("all_high", None)
