"""Callers that leave, and callers that wait no longer than they say: nothing is done for them that nobody will read."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.constraints import registry
from services.verifier.constraints.registry import Checker, NoKwargs, Verdict
from services.verifier.settings import VerifierSettings
from services.verifier.text import Text
from tests.service_process import ServiceProcess
from tests.services.verifier.scripted_judge import ScriptedJudge, verdict

AUTUMN = {"type": "judge", "text": "The text sounds like autumn."}
NO_COMMA = {"type": "punctuation:no_comma"}


@pytest.fixture
def judge() -> Iterator[ScriptedJudge]:
    with ScriptedJudge(lambda body: verdict(True)) as scripted:
        yield scripted


@contextmanager
def verifier(judge: ScriptedJudge, **settings: Any) -> Iterator[ServiceProcess]:
    given = {"judge_url": judge.url, "judge_model": "scripted", "judge_golden_minutes": 0} | settings
    with ServiceProcess("verifier", {f"RLMR_VERIFIER_{k.upper()}": str(v) for k, v in given.items()}) as process:
        yield process


def samples(count: int, constraints: Any = (AUTUMN,)) -> dict[str, Any]:
    return {
        "samples": [
            {"id": str(i), "prompt": "Write of autumn.", "response": f"Leaf {i} falls.", "constraints": constraints}
            for i in range(count)
        ]
    }


@contextmanager
def caller(service: ServiceProcess, body: dict[str, Any]) -> Iterator[None]:
    """Has sent its request, and leaves without the answer."""
    content = json.dumps(body).encode()
    host, _, port = service.url.removeprefix("http://").partition(":")
    head = (
        f"POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + content)
        yield


def wait_for(condition: Any, patience: float = 30) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_judge_is_asked_no_more_within_a_second_of_the_caller_leaving(judge: ScriptedJudge) -> None:
    judge.seconds = 0.2
    with verifier(judge, judge_concurrency=4) as service:
        with caller(service, samples(500)):
            wait_for(lambda: len(judge.bodies) > 8)
        time.sleep(1)
        asked = len(judge.bodies)
        assert judge.in_flight == 0
        time.sleep(1)
        assert len(judge.bodies) == asked < 100
        pending = "rlmr_verifier_samples_pending 0.0"
        wait_for(lambda: pending in httpx.get(f"{service.url}/metrics").text)


def test_a_call_that_two_wait_for_goes_on_when_one_of_them_leaves(judge: ScriptedJudge) -> None:
    judge.seconds = 1.0
    with verifier(judge) as service:
        answers: list[httpx.Response] = []
        stays = threading.Thread(target=lambda: answers.append(httpx.post(f"{service.url}/verify", json=samples(1))))
        with caller(service, samples(1)):
            wait_for(lambda: judge.in_flight == 1)
            stays.start()
            time.sleep(0.3)
        stays.join()
    assert answers[0].json()["results"][0]["passed"] is True
    assert len(judge.bodies) == 1


def test_who_asks_after_all_have_left_starts_anew(judge: ScriptedJudge) -> None:
    judge.seconds = 1.0
    with verifier(judge) as service:
        with caller(service, samples(1)):
            wait_for(lambda: judge.in_flight == 1)
        reply = httpx.post(f"{service.url}/verify", json=samples(1), timeout=30)
    assert reply.json()["results"][0]["passed"] is True
    assert len(judge.bodies) == 2


def test_what_is_not_judged_by_the_callers_deadline_is_a_timeout(judge: ScriptedJudge) -> None:
    """The wait for a slot counts: here the queue is five seconds long."""
    judge.seconds = 0.1
    with verifier(judge, judge_concurrency=2) as service:
        began = time.monotonic()
        reply = httpx.post(f"{service.url}/verify", json=samples(100), headers={"X-RLMR-Deadline": "1.5"}, timeout=30)
        assert time.monotonic() - began < 4
    results = reply.json()["results"]
    assert {r["status"] for r in results} == {"ok", "timeout"}
    late = next(r for r in results if r["status"] == "timeout")
    assert (late["passed"], late["reason"]) == (None, "judge: no answer within the 1.5 s of the request")
    assert judge.in_flight == 0


def test_the_services_own_limit_holds_where_the_caller_gives_none_or_more(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: "hang"
    with verifier(judge, timeout_seconds=1) as service:
        for headers in ({}, {"X-RLMR-Deadline": "3600"}):
            reply = httpx.post(f"{service.url}/verify", json=samples(3), headers=headers, timeout=30)
            assert [r["status"] for r in reply.json()["results"]] == ["timeout"] * 3


def test_a_deadline_that_is_no_number_is_refused_by_name() -> None:
    with TestClient(build_app(VerifierSettings())) as client:
        reply = client.post("/verify", json=samples(1), headers={"X-RLMR-Deadline": "soon"})
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (422, "X-RLMR-Deadline")


@pytest.fixture
def slow_checker(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    def slow(text: Text, kw: NoKwargs) -> Verdict:
        time.sleep(0.3)
        return Verdict(True, "at last")

    monkeypatch.setitem(registry, "test:slow", Checker("test:slow", NoKwargs, slow, "Anything.", "Anything.", 1))
    return {"type": "test:slow"}


def test_rules_stop_at_the_deadline_and_leave_their_thread_to_the_next(slow_checker: dict[str, str]) -> None:
    """Twenty checks of 0.3 s each: the one under way is finished, and no other begun."""
    long = {"id": "a", "prompt": "p", "response": "a b", "constraints": [slow_checker] * 20}
    short = {"id": "a", "prompt": "p", "response": "a b", "constraints": [NO_COMMA]}
    with TestClient(build_app(VerifierSettings(check_threads=1))) as client:
        began = time.monotonic()
        late = client.post("/verify", json={"samples": [long]}, headers={"X-RLMR-Deadline": "0.5"})
        prompt = client.post("/verify", json={"samples": [short]})
        assert time.monotonic() - began < 4
    assert late.json()["results"][0]["status"] == "timeout"
    assert late.json()["results"][0]["reason"] == "not checked within the 0.5 s of the request"
    assert prompt.json()["results"][0]["passed"] is True


def test_a_thousand_waiting_calls_hold_no_payloads(judge: ScriptedJudge) -> None:
    """200 x 5 judged constraints on 20,000 Chinese characters: a payload each, made at once, would be 120 MB."""
    constraints = [{"type": "judge", "text": f"Constraint {i}."} for i in range(5)]
    body = samples(200, constraints)
    for sample in body["samples"]:
        sample["response"] = (sample["id"] + "诗" * 20_000)[:20_000]
    with verifier(judge) as service:
        before = _peak_mib(service)
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        reply = httpx.post(f"{service.url}/verify", content=content, headers=headers, timeout=120)
        assert {r["status"] for r in reply.json()["results"]} == {"ok"}
        assert _peak_mib(service) - before < 110


def _peak_mib(service: ServiceProcess) -> float:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
