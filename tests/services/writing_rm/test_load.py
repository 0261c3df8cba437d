"""The service under load over real sockets: a full queue, a caller that leaves, probes in between."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.writing_rm.test_service import wait_ready

TEXTS = 1000
LENGTH = 400  # characters; the tiny model needs seconds for all of them


@pytest.fixture
def service(model_dir: Path) -> Iterator[ServiceProcess]:
    env = {"RLMR_WRITING_RM_MODEL_DIR": str(model_dir), "RLMR_WRITING_RM_QUEUE_TOKENS": "5000"}
    with ServiceProcess("writing-rm", env) as process:
        wait_ready(process.url)
        yield process


def many(count: int = TEXTS) -> dict[str, Any]:
    return {"samples": [{"id": str(i), "prompt": f"p {i}", "response": f"{i} " * (LENGTH // 4)} for i in range(count)]}


def metric(service: ServiceProcess, name: str) -> float:
    lines = httpx.get(service.url + "/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"rlmr_writing_rm_{name}"))


def wait_for(condition: Any, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_queue_answers_429_and_the_first_caller_is_served(service: ServiceProcess) -> None:
    answers: list[httpx.Response] = []
    first = threading.Thread(
        target=lambda: answers.append(httpx.post(service.url + "/score", json=many(), timeout=300))
    )
    first.start()
    wait_for(lambda: metric(service, "queue_tokens") > 5000)
    body = {"samples": [{"id": "x", "prompt": "other", "response": "text"}]}
    refused = httpx.post(service.url + "/score", json=body, timeout=60)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["code"] == "overloaded"
    assert metric(service, "rejected_tokens_total") > 0
    assert metric(service, "demand_tokens") > metric(service, "queue_tokens")
    assert httpx.get(service.url + "/livez").status_code == 200
    assert httpx.get(service.url + "/readyz").status_code == 200  # busy is not broken
    first.join()
    assert {result["status"] for result in answers[0].json()["results"]} == {"ok"}


def test_work_for_a_caller_that_left_is_dropped(service: ServiceProcess) -> None:
    body = json.dumps(many()).encode()
    host, _, port = service.url.removeprefix("http://").partition(":")
    head = f"POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(head.encode() + body)
        wait_for(lambda: metric(service, "running_tokens") > 0)
    wait_for(lambda: metric(service, "queue_tokens") == 0 and metric(service, "running_tokens") == 0)
    assert metric(service, 'tokens_total{kind="computed"}') < TEXTS * LENGTH / 4
    other = {"samples": [{"id": "x", "prompt": "other", "response": "text"}]}
    assert httpx.post(service.url + "/score", json=other, timeout=60).json()["results"][0]["status"] == "ok"
