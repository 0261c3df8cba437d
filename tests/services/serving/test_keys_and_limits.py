"""Bearer key, open paths, request ids and the concurrency limit, over real sockets."""

import hmac
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient

from services.aggregator.app import build_app
from services.aggregator.settings import AggregatorSettings
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream
from tests.services.serving.bodies import ROUTES, valid
from tests.three_services import KEY, Services

SERVICES = list(ROUTES)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY],
)
def test_without_the_key_nothing_but_probes_and_metrics_answers(
    services: Services, name: str, header: str | None
) -> None:
    headers = {"Authorization": header} if header is not None else {}
    with services.client(name, key=None) as http:
        for reply in (
            http.post(ROUTES[name], json=valid(name), headers=headers),
            http.get("/v1/info", headers=headers),
            http.get("/openapi.json", headers=headers),
            http.get("/nothing", headers=headers),
        ):
            assert reply.status_code == 401
            assert reply.json()["code"] == "unauthorized"
            assert "RLMR_API_KEY" in reply.json()["message"]
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        for path in ("/livez", "/readyz", "/metrics"):
            assert http.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("name", SERVICES)
def test_with_the_key_everything_answers(services: Services, name: str) -> None:
    with services.client(name) as http:
        assert http.post(ROUTES[name], json=valid(name)).status_code == 200
        assert http.get("/v1/info").json()["service"] == name.replace("_", "-")
        assert http.get("/openapi.json").json()["info"]["version"]
        assert http.get("/v1/info", headers={"Authorization": f"bearer {KEY}"}).status_code == 200


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def spy(given: bytes, wanted: bytes) -> bool:
        compared.append(given)
        return hmac_compare(given, wanted)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr("services.serving.middleware.hmac.compare_digest", spy)
    http = TestClient(build_app(AggregatorSettings(api_key="secret")))
    for key in ("wrong", "secreT", "s", "secret"):
        http.get("/v1/info", headers={"Authorization": f"Bearer {key}"})
    assert compared == [b"wrong", b"secreT", b"s", b"secret"]


def test_without_a_key_a_service_warns_at_start() -> None:
    with ServiceProcess("verifier") as process, httpx.Client(base_url=process.url) as http:
        assert any(entry.get("event") == "no_api_key" for entry in process.logs)
        assert http.get("/v1/info").status_code == 200


@pytest.mark.parametrize("name", SERVICES)
def test_the_request_id_is_echoed_or_made_up(services: Services, name: str) -> None:
    with services.client(name) as http:
        assert http.get("/livez", headers={"X-Request-ID": "run-1/step:2"}).headers["X-Request-ID"] == "run-1/step:2"
        made_up = {http.get("/livez").headers["X-Request-ID"] for _ in range(3)}
        assert len(made_up) == 3
        for unfit in ("x" * 129, "two words", "<script>"):
            assert http.get("/livez", headers={"X-Request-ID": unfit}).headers["X-Request-ID"] != unfit
        reply = http.post(ROUTES[name], json={}, headers={"X-Request-ID": "mine"})
        assert reply.json()["request_id"] == reply.headers["X-Request-ID"] == "mine"


@pytest.mark.parametrize("name", SERVICES)
def test_metrics_count_requests_by_route_and_code_and_unknown_paths_share_a_series(
    services: Services, name: str
) -> None:
    with services.client(name) as http:
        http.post(ROUTES[name], json={})
        for i in range(3):
            http.get(f"/scan/{i}")
        text = http.get("/metrics").text
    assert f'rlmr_http_requests_total{{code="422",method="POST",route="{ROUTES[name]}"}}' in text
    assert 'rlmr_http_requests_total{code="404",method="GET",route="other"}' in text
    assert "/scan/" not in text
    assert "rlmr_build_info{" in text


@pytest.fixture
def narrow() -> Iterator[tuple[ServiceProcess, FakeUpstream]]:
    """An aggregator that works on two requests at once, and a verifier that never answers."""
    writing, verifier = FakeUpstream("score").start(), FakeUpstream("verify").start()
    env = aggregator_env(writing, verifier, MAX_CONCURRENCY="2", TIMEOUT_SECONDS="30")
    with ServiceProcess("aggregator", env) as process:
        yield process, verifier
    writing.stop()
    verifier.stop()


def test_over_the_concurrency_limit_the_answer_is_429_at_once_and_probes_still_work(
    narrow: tuple[ServiceProcess, FakeUpstream],
) -> None:
    process, verifier = narrow
    verifier.always = "hold"
    body = valid("aggregator")
    with httpx.Client(base_url=process.url, timeout=60) as http, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(http.post, "/reward", json=body) for _ in range(2)]
        end = time.monotonic() + 30
        while len(verifier.requests) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        for _ in range(8):
            reply = http.post("/reward", json=body)
            assert reply.status_code == 429
            assert reply.json()["code"] == "overloaded"
            assert int(reply.headers["Retry-After"]) >= 1
        assert http.get("/livez").status_code == 200
        assert http.get("/readyz").status_code == 200
        assert 'code="429"' in http.get("/metrics").text
        verifier.release.set()
        assert [f.result().json()["groups"][0]["decision"] for f in held] == ["train", "train"]
        verifier.always = "ok"
        assert http.post("/reward", json=body).status_code == 200


def test_a_caller_that_leaves_frees_its_place(narrow: tuple[ServiceProcess, FakeUpstream]) -> None:
    process, verifier = narrow
    verifier.always = "hold"
    body = valid("aggregator")
    with httpx.Client(base_url=process.url, timeout=60) as http:
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                http.post("/reward", json=body, timeout=0.5)
        verifier.always = "ok"
        end = time.monotonic() + 20
        while http.post("/reward", json=body).status_code == 429:
            assert time.monotonic() < end, "the places of the callers that left were never freed"
            time.sleep(0.05)


def test_callers_are_asked_to_reconnect_now_and_then() -> None:
    with (
        ServiceProcess("verifier", {"RLMR_VERIFIER_RECONNECT_EVERY": "4"}) as process,
        httpx.Client(base_url=process.url) as http,
    ):
        goodbyes = [http.get("/livez").headers.get("Connection") == "close" for _ in range(400)]
    assert 40 < sum(goodbyes) < 200  # 100 on average; outside by chance once in 10^9 runs
    with (
        ServiceProcess("verifier", {"RLMR_VERIFIER_RECONNECT_EVERY": "0"}) as process,
        httpx.Client(base_url=process.url) as http,
    ):
        assert not any(http.get("/livez").headers.get("Connection") for _ in range(400))
