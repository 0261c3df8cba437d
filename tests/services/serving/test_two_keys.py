"""Two keys at a time, each with a name; what strangers may read."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from services.serving import ServiceSettings
from tests.service_process import ServiceProcess
from tests.services.serving.bodies import valid

OLD, NEW = "the-old-key-of-these-tests", "the-new-key-of-these-tests"


def keys(first: str, second: str = "") -> dict[str, str]:
    names = {OLD: "old", NEW: "new", "": "none"}
    return {
        "RLMR_API_KEY": first,
        "RLMR_API_KEY_NAME": names[first],
        "RLMR_API_KEY_2": second,
        "RLMR_API_KEY_2_NAME": names[second],
    }


def ask(url: str, key: str) -> int:
    return httpx.post(f"{url}/verify", json=valid("verifier"), headers={"Authorization": f"Bearer {key}"}).status_code


def test_both_keys_are_valid_and_are_told_apart_by_name_only() -> None:
    with ServiceProcess("verifier", keys(OLD, NEW)) as process:
        assert [ask(process.url, key) for key in (OLD, NEW, NEW, "neither")] == [200, 200, 200, 401]
        named = [process.wait_for_log("request").get("key") for _ in range(4)]
        metrics = httpx.get(f"{process.url}/metrics").text
    assert named == ["old", "new", "new", None]
    assert 'rlmr_http_requests_by_key_total{key="old"} 1.0' in metrics
    assert 'rlmr_http_requests_by_key_total{key="new"} 2.0' in metrics
    for secret in (OLD, NEW, "neither"):
        assert secret not in metrics + "".join(process.raw)


def test_no_request_gets_a_401_through_the_steps_of_a_rotation() -> None:
    """Two replicas, one of which is always on the step before; the caller changes its key between the second and the third."""
    steps = [keys(OLD), keys(OLD, NEW), keys(NEW, OLD), keys(NEW)]
    sent = [(OLD,), (OLD,), (OLD, NEW), (NEW,)]
    for before, after, callers in zip(steps, steps[1:], sent[1:], strict=False):
        with ServiceProcess("verifier", before) as one, ServiceProcess("verifier", after) as other:
            # Step 1 to 2: only the old key is in use. 2 to 3: either. 3 to 4: the new one.
            used = (OLD,) if before == steps[0] else callers
            assert {ask(process.url, key) for process in (one, other) for key in used} == {200}


@pytest.mark.parametrize(
    "given",
    [{"api_key_2": "x"}, {"api_key": "x", "api_key_2": "y", "api_key_name": "k", "api_key_2_name": "k"}],
    ids=["only a second one", "one name for both"],
)
def test_keys_that_cannot_be_told_apart_are_refused_at_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="RLMR_API_KEY"):
        ServiceSettings(**given)


class Engine(BaseHTTPRequestHandler):
    asked = 0
    broken = Event()

    def do_GET(self) -> None:
        if self.path == "/metrics" and not self.broken.is_set():
            type(self).asked += 1
            self._say(200, b"engine_metric 1\n")
        else:
            self._say(500, b"a traceback with a secret in it")

    do_POST = do_GET

    def _say(self, status: int, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def judged_by_a_broken_engine() -> Iterator[ServiceProcess]:
    Engine.asked = 0
    Engine.broken.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    env = {"RLMR_VERIFIER_JUDGE_URL": url, "RLMR_VERIFIER_JUDGE_MODEL": "m", "RLMR_VERIFIER_JUDGE_RETRIES": "0"}
    with ServiceProcess("verifier", {**keys(OLD), **env}) as process:
        yield process
    server.shutdown()
    server.server_close()


def test_strangers_read_no_reasons_and_callers_no_text_of_an_engine(judged_by_a_broken_engine: ServiceProcess) -> None:
    process = judged_by_a_broken_engine
    stranger = httpx.get(f"{process.url}/readyz", timeout=30)
    assert stranger.status_code == 503
    assert "127.0.0.1" not in stranger.text
    assert "HTTP" not in stranger.text
    with httpx.Client(base_url=process.url, headers={"Authorization": f"Bearer {OLD}"}, timeout=60) as http:
        assert "127.0.0.1" in http.get("/readyz").text
        body = valid("verifier")
        body["samples"][0]["constraints"] = [{"type": "judge", "text": "is sad"}]
        result = http.post("/verify", json=body).json()["results"][0]
        assert result["status"] == "unavailable"
        assert "HTTP 500" in result["reason"]
        assert "secret" not in http.get("/readyz").text + str(result)
    assert "secret" in process.wait_for_log("judge_call_failed")["reason"]


def test_the_engine_is_asked_for_its_metrics_once_in_a_while_only(judged_by_a_broken_engine: ServiceProcess) -> None:
    url = f"{judged_by_a_broken_engine.url}/metrics/engine"
    with ThreadPoolExecutor(8) as pool:
        assert {reply.text for reply in pool.map(httpx.get, [url] * 40)} == {"engine_metric 1\n"}
    assert Engine.asked <= 3
    Engine.broken.set()
    time.sleep(2.1)
    gone = httpx.get(url)
    assert gone.status_code == 503
    assert "127.0.0.1" not in gone.text
    assert "secret" not in gone.text
