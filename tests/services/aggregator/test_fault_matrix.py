"""Every fault against the aggregator with its own patience, over real sockets: no group lost that the deadline allowed, no reward
invented, deadlines kept within 10 %."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

GROUP = ("w=5 bad", "w=1", "w=2", "w=3")
TRUTH = [2 / 3, 1, 2, 3]
GROUPS = 8
PASSING = [500, 502, 503, 408, ("status", 429, {"Retry-After": "0"}), ("status", 503, {"Retry-After": "1"}), "reset",
           "half_closed", "truncated", "not_json", "short", "swapped"]  # fmt: skip


@pytest.fixture(scope="module")
def patient(fakes: tuple[FakeUpstream, FakeUpstream]) -> Iterator[ServiceProcess]:
    env = aggregator_env(*fakes)
    del env["RLMR_AGGREGATOR_RETRIES"]
    with ServiceProcess("aggregator", env) as process:
        yield process


def ask(url: str, deadline: float) -> tuple[dict[str, Any], float]:
    body = {"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": list(GROUP)}]}
    started = time.monotonic()
    reply = httpx.post(f"{url}/reward", json=body, headers={"X-RLMR-Deadline": str(deadline)}, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()["groups"][0], time.monotonic() - started


def all_rewarded(url: str, deadline: float) -> None:
    with ThreadPoolExecutor(GROUPS) as pool:
        answers = list(pool.map(lambda _: ask(url, deadline)[0], range(GROUPS)))
    assert [group["decision"] for group in answers] == ["train"] * GROUPS
    assert all(group["rewards"] == pytest.approx(TRUTH) for group in answers)


@pytest.mark.parametrize("fault", PASSING, ids=str)
@pytest.mark.parametrize("which", [0, 1], ids=["writing_rm", "verifier"])
def test_what_passes_loses_no_group(
    patient: ServiceProcess, fakes: tuple[FakeUpstream, FakeUpstream], which: int, fault: Any
) -> None:
    for fake in fakes:
        fake.reset()
    fakes[which].faults.extend([fault] * GROUPS)
    all_rewarded(patient.url, 15.0)
    assert not fakes[which].faults


@pytest.mark.parametrize("fault", ["hang", "drip", 500, "reset", "truncated"])
@pytest.mark.parametrize("which", [0, 1], ids=["writing_rm", "verifier"])
def test_what_lasts_ends_at_the_deadline_without_a_reward(
    patient: ServiceProcess, fakes: tuple[FakeUpstream, FakeUpstream], which: int, fault: Any
) -> None:
    for fake in fakes:
        fake.reset()
    fakes[which].always = fault
    group, seconds = ask(patient.url, 2.0)
    assert (group["decision"], group["rewards"]) == ("drop", [None] * 4)
    assert seconds < 2.0 * 1.1


def test_no_such_host(fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    for fake in fakes:
        fake.reset()
    env = {**aggregator_env(*fakes), "RLMR_AGGREGATOR_VERIFIER_URL": "http://no-such-host.invalid:8002"}
    del env["RLMR_AGGREGATOR_RETRIES"]
    with ServiceProcess("aggregator", env) as process:
        group, seconds = ask(process.url, 3.0)
    assert (group["reason"], group["rewards"], group["writing"]) == ("unavailable", [None] * 4, [5, 1, 2, 3])
    assert seconds < 3.0 * 1.1


def test_both_upstreams_away_and_back() -> None:
    """Six seconds here, three times the aggregator's own deadline; the patience is the caller's, whatever its length."""
    both = FakeUpstream("score").start(), FakeUpstream("verify").start()
    env = aggregator_env(*both)
    del env["RLMR_AGGREGATOR_RETRIES"]
    with ServiceProcess("aggregator", env) as process:
        all_rewarded(process.url, 15.0)
        for fake in both:
            fake.stop()
        timers = [threading.Timer(6.0, fake.start) for fake in both]
        for timer in timers:
            timer.start()
        all_rewarded(process.url, 30.0)
    for timer, fake in zip(timers, both, strict=True):
        timer.join()
        fake.stop()
