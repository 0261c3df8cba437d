"""The public client: what it repeats, and what it raises."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from rlmr.client import AsyncRlmrClient, NoAnswer, Refused, RlmrClient
from tests.services.aggregator.upstreams import FakeUpstream
from tests.three_services import KEY, Services

SAMPLE = {"id": "s", "prompt": "p", "response": "w=1.5"}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream("score").start()
    yield fake
    fake.stop()


@pytest.mark.parametrize("fault", [500, 503, 429, "reset", "half_closed"])
def test_what_may_be_repeated_is_repeated(upstream: FakeUpstream, fault: object) -> None:
    upstream.faults.extend([fault, fault])
    with RlmrClient(upstream.url, backoff=0.01) as client:
        assert client.score([SAMPLE]).results[0].score == 1.5
    assert len(upstream.requests) == 3


async def test_the_async_client_repeats_the_same(upstream: FakeUpstream) -> None:
    upstream.faults.extend([503, "reset"])
    async with AsyncRlmrClient(upstream.url, backoff=0.01) as client:
        assert (await client.score([SAMPLE])).results[0].score == 1.5
    assert len(upstream.requests) == 3


def test_after_the_last_attempt_the_error_is_raised(upstream: FakeUpstream) -> None:
    upstream.always = 503
    with RlmrClient(upstream.url, retries=2, backoff=0.01) as client, pytest.raises(Refused, match="HTTP 503"):
        client.score([SAMPLE])
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("fault", ["truncated", "not_json"])
def test_a_reply_that_is_no_reply_is_raised_at_once(upstream: FakeUpstream, fault: str) -> None:
    upstream.always = fault
    with RlmrClient(upstream.url) as client, pytest.raises(NoAnswer, match="ScoreReply"):
        client.score([SAMPLE])
    assert len(upstream.requests) == 1


def test_a_time_out_is_raised_at_once(upstream: FakeUpstream) -> None:
    upstream.always = "hang"
    with RlmrClient(upstream.url, timeout=0.3) as client, pytest.raises(NoAnswer, match="ReadTimeout"):
        client.score([SAMPLE])
    assert len(upstream.requests) == 1


def test_nobody_there() -> None:
    with RlmrClient("http://127.0.0.1:9", retries=1, backoff=0.01) as client:
        with pytest.raises(NoAnswer, match="ConnectError"):
            client.info()
        with pytest.raises(NoAnswer, match="ConnectError"):
            client.ready()


def test_a_refusal_carries_the_services_error(services: Services) -> None:
    with RlmrClient(services.aggregator.url, api_key=KEY) as client:
        group = {"id": "g", "prompt": "p", "constraints": None, "responses": ["x"]}
        with pytest.raises(Refused) as caught:
            client.reward([group], strategy={"name": "rlmr", "gama": 1})
    assert caught.value.status == 422
    assert caught.value.reply is not None
    assert caught.value.reply.errors[0].path == "strategy.gama"


def test_a_wrong_key_is_a_refusal(services: Services) -> None:
    with RlmrClient(services.verifier.url, api_key="wrong") as client, pytest.raises(Refused, match="unauthorized"):
        client.info()


def test_the_key_comes_from_the_environment(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_API_KEY", KEY)
    with RlmrClient(services.verifier.url) as client:
        assert client.info().service == "verifier"


def test_a_malformed_request_is_refused_before_it_is_sent() -> None:
    with RlmrClient("http://127.0.0.1:9") as client, pytest.raises(ValidationError, match="responses"):
        client.reward([{"id": "g", "prompt": "p", "constraints": None}])


def test_something_else_at_that_address(upstream: FakeUpstream) -> None:
    with RlmrClient(upstream.url) as client, pytest.raises(Refused, match="HTTP 404"):
        client.info()
    assert httpx.get(f"{upstream.url}/readyz").status_code == 200
