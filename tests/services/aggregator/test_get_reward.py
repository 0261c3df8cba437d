"""POST /get_reward: OpenRLHF's remote reward contract."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.aggregator.get_reward import parse_label, response_in
from services.serving import ApiError
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

TEMPLATED = "<|im_start|>user\nWrite a story.<|im_end|>\n<|im_start|>assistant\n"


def label(**fields: Any) -> str:
    return json.dumps({"prompt_id": "p1", "prompt": "Write a story.", "constraints": None, **fields})


def body(response: str, **more: Any) -> dict[str, Any]:
    return {"query": [TEMPLATED + response], "prompts": [TEMPLATED], "labels": [label()], **more}


@pytest.fixture(scope="module")
def linear(fakes: tuple[FakeUpstream, FakeUpstream]) -> Iterator[ServiceProcess]:
    env = aggregator_env(*fakes, STRATEGY="linear", WEIGHT="10", RETRIES="0")
    with ServiceProcess("aggregator", env) as process:
        yield process


@pytest.fixture
def lone(fakes: tuple[FakeUpstream, FakeUpstream], linear: ServiceProcess) -> Iterator[Bench]:
    for fake in fakes:
        fake.reset()
    with httpx.Client(base_url=linear.url, timeout=30) as http:
        yield Bench(*fakes, linear, http)


def test_a_lone_sample_gets_reward_scores_and_logs(lone: Bench) -> None:
    reply = lone.http.post("/get_reward", json=body("w=1.5<|im_end|>\n"[:-1]))
    assert reply.status_code == 200
    assert reply.json() == {"rewards": [11.5], "scores": [11.5], "extra_logs": {"violated": [0.0], "writing": [1.5]}}
    (group,) = lone.writing.requests[0]["groups"]
    assert (group["prompt"], group["responses"]) == ("Write a story.", ["w=1.5"])


def test_openrlhfs_own_client_understands_the_reply(lone: Bench) -> None:
    agent = pytest.importorskip("openrlhf.utils.agent", reason="openrlhf is not installed")
    executor = agent.SingleTurnAgentExecutor(f"{lone.process.url}/get_reward")
    told = asyncio.run(executor._fetch_rewards_via_http([TEMPLATED + "w=2 bad<|im_end|>"], [TEMPLATED], [label()]))
    assert told[0]["rewards"] == [2.0]
    assert told[0]["scores"] == [2.0]


def test_a_batch_keeps_its_order_and_a_violator_alone_is_not_dropped(lone: Bench) -> None:
    responses = ["w=1", "w=2 bad", "w=3"]
    reply = lone.http.post(
        "/get_reward",
        json={"query": [TEMPLATED + r for r in responses], "prompts": [TEMPLATED] * 3, "labels": [label()] * 3},
    )
    assert reply.json()["rewards"] == [11, 2, 13]


@pytest.mark.parametrize("fault", [500, "reset", "truncated"])
def test_a_failed_sample_is_a_503_and_never_a_number(lone: Bench, fault: Any) -> None:
    lone.writing.always = fault
    reply = lone.http.post("/get_reward", json=body("w=1"))
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "1"
    assert reply.json()["errors"][0]["path"] == "query[0]"
    assert "rewards" not in reply.json()


def test_a_sample_that_can_never_be_rewarded_is_a_422(lone: Bench) -> None:
    reply = lone.http.post("/get_reward", json=body("w=1 v=unverifiable"))
    assert reply.status_code == 422
    assert "unverifiable" in reply.json()["message"]


def test_a_group_strategy_is_refused_and_the_group_agent_named(bench: Bench) -> None:
    reply = bench.http.post("/get_reward", json=body("w=1"))
    assert reply.status_code == 422
    assert reply.json()["code"] == "group_strategy"
    assert "trainer/grpo/agent.py" in reply.json()["message"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"labels": []}, "labels"),
        ({"labels": [label(), label()]}, "labels"),
        ({"prompts": [TEMPLATED, TEMPLATED]}, "prompts"),
        ({"labels": ["not json"]}, "labels[0]"),
        ({"labels": ["[1]"]}, "labels[0]"),
        ({"labels": [label(kwargs={})]}, "labels[0]"),
        ({"labels": [label(constraints=[{"kwargs": {}}])]}, "labels[0]"),
        ({"labels": [label(constraints=[{"type": "a:b", "kwargs": {"n": 10**30}}])]}, "labels[0]"),
        ({"labels": [json.dumps({"prompt_id": "p", "constraints": None})]}, "labels[0]"),  # markup, and no plain prompt
        ({"query": ["something else entirely"]}, "query[0]"),
    ],
)
def test_what_cannot_be_understood_is_a_422_naming_the_field(lone: Bench, more: dict, path: str) -> None:
    reply = lone.http.post("/get_reward", json=body("w=1", **more))
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["path"] == path
    assert lone.writing.requests == []


SUFFIXES = ["<|im_end|>", "<|endoftext|>"]


def test_the_response_is_what_follows_the_prompt() -> None:
    assert response_in(TEMPLATED + "A story.<|im_end|><|endoftext|>", TEMPLATED, SUFFIXES, "q") == "A story."
    assert response_in(TEMPLATED + "cut off", TEMPLATED, SUFFIXES, "q") == "cut off"
    assert response_in(TEMPLATED, TEMPLATED, SUFFIXES, "q") == ""


@pytest.mark.parametrize("lost", [1, 10, 30])
def test_a_prompt_cut_on_the_left_is_found_by_its_tail(lost: int) -> None:
    assert response_in(TEMPLATED[lost:] + "A story.", TEMPLATED, SUFFIXES, "q") == "A story."


def test_a_response_that_quotes_the_prompts_end_cannot_move_the_cut() -> None:
    quoting = "bad<|im_end|>\n<|im_start|>assistant\nfine"
    assert response_in(TEMPLATED + quoting, TEMPLATED, SUFFIXES, "q") == quoting
    assert response_in(TEMPLATED[10:] + TEMPLATED[10:] + "x", TEMPLATED, SUFFIXES, "q") == TEMPLATED[10:] + "x"


def test_a_prompt_that_is_not_there_is_refused() -> None:
    with pytest.raises(ApiError, match="not in the query"):
        response_in("entirely different text", TEMPLATED, SUFFIXES, "query[0]")


def test_labels() -> None:
    assert parse_label(None, "l").constraints is None
    parsed = parse_label(label(constraints=[{"type": "punctuation:no_comma"}]), "l")
    assert parsed.prompt == "Write a story."
    assert parsed.constraints is not None
    assert parsed.constraints[0].type == "punctuation:no_comma"
