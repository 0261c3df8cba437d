"""One aggregator process and two upstreams that misbehave on demand, shared by the tests of this folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.aggregator.upstreams import FakeUpstream

DEADLINE = 2.0


@dataclass
class Bench:
    writing: FakeUpstream
    verifier: FakeUpstream
    process: ServiceProcess
    http: httpx.Client

    def ask(
        self,
        *responses: str,
        strategy: Any = None,
        constraints: Any = None,
        request: Any = None,
        headers: Any = None,
        **group: Any,
    ) -> httpx.Response:
        body: dict[str, Any] = {
            "groups": [
                {"id": "g", "prompt": "Write.", "constraints": constraints, "responses": list(responses), **group}
            ]
        }
        if strategy is not None:
            body["strategy"] = {"name": strategy} if isinstance(strategy, str) else strategy
        return self.http.post("/reward", json=body | (request or {}), headers=headers)

    def group(self, *responses: str, **more: Any) -> dict[str, Any]:
        reply = self.ask(*responses, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()["groups"][0]


def aggregator_env(writing: FakeUpstream, verifier: FakeUpstream, **more: str) -> dict[str, str]:
    settings = {
        "WRITING_RM_URL": writing.url,
        "VERIFIER_URL": verifier.url,
        "TIMEOUT_SECONDS": str(DEADLINE),
        "RETRIES": "3",
        "BACKOFF_SECONDS": "0.05",
        "READINESS_CACHE_SECONDS": "0",
        "READINESS_TIMEOUT_SECONDS": "0.5",
        **more,
    }
    return {f"RLMR_AGGREGATOR_{k}": v for k, v in settings.items()}


@pytest.fixture(scope="session")
def fakes() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    writing, verifier = FakeUpstream("score").start(), FakeUpstream("verify").start()
    yield writing, verifier
    writing.stop()
    verifier.stop()


@pytest.fixture(scope="session")
def aggregator(fakes: tuple[FakeUpstream, FakeUpstream]) -> Iterator[ServiceProcess]:
    with ServiceProcess("aggregator", aggregator_env(*fakes)) as process:
        yield process


@pytest.fixture
def bench(fakes: tuple[FakeUpstream, FakeUpstream], aggregator: ServiceProcess) -> Iterator[Bench]:
    for fake in fakes:
        fake.reset()
    with httpx.Client(base_url=aggregator.url, timeout=30) as http:
        yield Bench(*fakes, aggregator, http)
