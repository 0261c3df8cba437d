"""SIGTERM: nothing that was sent is lost, and the process ends with code 0."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream
from tests.services.serving.bodies import valid

CALLERS = 12


@pytest.fixture
def slow_upstreams() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    writing, verifier = FakeUpstream("score").start(), FakeUpstream("verify").start()
    writing.always = verifier.always = "slow"
    yield writing, verifier
    writing.stop()
    verifier.stop()


class Caller:
    """Sends one request after the other over kept-alive connections, to the first replica until that says goodbye."""

    def __init__(self, replicas: list[str], stop: threading.Event) -> None:
        self.replicas, self.stop = replicas, stop
        self.answered = [0] * len(replicas)
        self.trouble: list[str] = []

    def run(self) -> None:
        turn = 0
        clients = [httpx.Client(base_url=url, timeout=30) for url in self.replicas]
        while not self.stop.is_set():
            try:
                reply = clients[turn].post("/reward", json=valid("aggregator"))
            except httpx.HTTPError as exc:
                self.trouble.append(f"{self.replicas[turn]}: {type(exc).__name__}: {exc}")
                return
            self.answered[turn] += 1
            if reply.status_code != 200 or reply.json()["groups"][0]["decision"] != "train":
                self.trouble.append(f"{self.replicas[turn]}: HTTP {reply.status_code}: {reply.text[:200]}")
            if reply.headers.get("Connection") == "close":
                turn = len(self.replicas) - 1
        for client in clients:
            client.close()


def test_a_rollout_under_load_loses_no_request(slow_upstreams: tuple[FakeUpstream, FakeUpstream]) -> None:
    leaving_env = aggregator_env(*slow_upstreams, DRAIN_SECONDS="2", RECONNECT_EVERY="0")
    stop = threading.Event()
    with (
        ServiceProcess("aggregator", leaving_env) as leaving,
        ServiceProcess("aggregator", aggregator_env(*slow_upstreams)) as staying,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        callers = [Caller([leaving.url, staying.url], stop) for _ in range(CALLERS)]
        running = [pool.submit(caller.run) for caller in callers]
        try:
            wait_for(lambda: min(c.answered[0] for c in callers) >= 3)
            leaving.terminate()
            leaving.wait_for_log("draining")
            not_ready = httpx.get(f"{leaving.url}/readyz")
            assert not_ready.status_code == 503
            assert not_ready.json()["reasons"] == ["shutting down"]
            assert httpx.get(f"{leaving.url}/livez").status_code == 200
            assert leaving.wait() == 0
            wait_for(lambda: min(c.answered[1] for c in callers) >= 3)
        finally:
            stop.set()
        for future in running:
            future.result()
    assert [line for caller in callers for line in caller.trouble] == []


def test_requests_in_flight_are_finished_without_a_drain_too(slow_upstreams: tuple[FakeUpstream, FakeUpstream]) -> None:
    slow_upstreams[1].always = "hold"
    with ServiceProcess("aggregator", aggregator_env(*slow_upstreams, TIMEOUT_SECONDS="60")) as process:
        with ThreadPoolExecutor(CALLERS) as pool:
            held = [
                pool.submit(httpx.post, f"{process.url}/reward", json=valid("aggregator"), timeout=60)
                for _ in range(CALLERS)
            ]
            wait_for(lambda: len(slow_upstreams[1].requests) == CALLERS)
            process.terminate()
            wait_for(lambda: refuses(process.url))
            slow_upstreams[1].release.set()
            replies = [f.result() for f in held]
        assert [r.status_code for r in replies] == [200] * CALLERS
        assert all(r.json()["groups"][0]["decision"] == "train" for r in replies)
        assert process.wait() == 0


def test_a_second_sigterm_skips_the_drain(slow_upstreams: tuple[FakeUpstream, FakeUpstream]) -> None:
    with ServiceProcess("aggregator", aggregator_env(*slow_upstreams, DRAIN_SECONDS="3600")) as process:
        process.terminate()
        process.wait_for_log("draining")
        process.terminate()
        assert process.wait() == 0


def refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/livez", timeout=5)
    except httpx.ConnectError:
        return True
    return False


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
