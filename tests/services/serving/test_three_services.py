"""The three real services together over real sockets: a tiny reward model, the rule checkers, the aggregator."""

import pytest

from rlmr import AsyncRlmrClient, RlmrClient
from rlmr.wire import Decision
from tests.service_process import ServiceProcess
from tests.three_services import KEY, Services

PROMPT = "Write one sentence about the sea without a comma."
CONSTRAINTS = [
    {"type": "punctuation:no_comma", "kwargs": {}},
    {"type": "length_constraints:number_words", "kwargs": {"num_words": 12, "relation": "less than"}},
]
OBEDIENT = ["The sea was calm and grey.", "Waves came home at night.", "A gull cried."]
VIOLATORS = ["The sea, it seemed, was calm.", "word " * 12]


def group(responses: list[str], **more: object) -> dict[str, object]:
    return {"id": "g", "prompt": PROMPT, "constraints": CONSTRAINTS, "responses": responses, **more}


def test_a_group_goes_through_all_three(services: Services) -> None:
    with RlmrClient(services.aggregator.url, api_key=KEY) as client:
        reply = client.reward([group(OBEDIENT + VIOLATORS)])
    result = reply.groups[0]
    assert result.decision is Decision.TRAIN
    assert result.violated == [False] * 3 + [True] * 2
    assert result.valid == [True] * 5
    rewards = [r for r in result.rewards if r is not None]
    mean = sum(rewards) / 5
    assert all(r <= mean - 1 for r in rewards[3:])
    assert rewards[:3] == result.writing[:3]
    assert reply.model is not None
    assert reply.model.name == "tiny"
    assert reply.verifier is not None
    assert reply.verifier.revision
    reasons = result.diagnostics.samples[3].reasons
    assert reasons
    assert "punctuation:no_comma" in reasons[0]


def test_the_aggregator_reports_exactly_what_the_services_say(services: Services) -> None:
    responses = OBEDIENT + VIOLATORS
    samples = [{"id": str(i), "prompt": PROMPT, "response": r} for i, r in enumerate(responses)]
    with (
        RlmrClient(services.writing_rm.url, api_key=KEY) as writing_rm,
        RlmrClient(services.verifier.url, api_key=KEY) as verifier,
        RlmrClient(services.aggregator.url, api_key=KEY) as aggregator,
    ):
        scores = [r.score for r in writing_rm.score(samples).results]
        passed = [r.passed for r in verifier.verify([{**s, "constraints": CONSTRAINTS} for s in samples]).results]
        result = aggregator.reward([group(responses)]).groups[0]
    assert result.writing == pytest.approx(scores, abs=1e-3)
    assert result.violated == [not p for p in passed]


def test_the_same_group_gets_the_same_answer_in_any_company_and_order(services: Services) -> None:
    with RlmrClient(services.aggregator.url, api_key=KEY) as client:
        alone = client.reward([group(OBEDIENT + VIOLATORS)]).groups[0]
        others = [group([f"Story number {i}.", "Another, one."], id=f"other{i}") for i in range(6)]
        in_company = client.reward([*others, group(OBEDIENT + VIOLATORS)]).groups[-1]
        backwards = client.reward([group((OBEDIENT + VIOLATORS)[::-1])]).groups[0]
    assert in_company.rewards == pytest.approx(alone.rewards, abs=1e-3)
    assert backwards.rewards[::-1] == pytest.approx(alone.rewards, abs=1e-3)
    assert in_company.violated == alone.violated == backwards.violated[::-1]


def test_chat_prompts_and_judged_constraints(services: Services) -> None:
    chat = [{"role": "system", "content": "You write."}, {"role": "user", "content": PROMPT}]
    with RlmrClient(services.aggregator.url, api_key=KEY) as client:
        assert client.reward([group(OBEDIENT, prompt=chat)]).groups[0].decision is Decision.TRAIN
        judged = client.reward([group(OBEDIENT, constraints=[{"type": "judge", "text": "is sad"}])]).groups[0]
    assert judged.decision is Decision.DROP  # no judge is configured: unverifiable, never passed
    assert judged.rewards == [None] * 3
    assert {s.verify_status for s in judged.diagnostics.samples} == {"unverifiable"}


async def test_the_async_client(services: Services) -> None:
    async with AsyncRlmrClient(services.aggregator.url, api_key=KEY) as client:
        assert await client.ready() == (True, [])
        assert (await client.info()).service == "aggregator"
        reply = await client.reward([group(OBEDIENT)], strategy="quality_only")
        assert reply.strategy.name == "quality_only"


def test_one_service_dies_and_comes_back(services: Services) -> None:
    """Of the verifier a second process is started, so that the shared one stays up."""
    with ServiceProcess("verifier", {"RLMR_API_KEY": KEY}) as verifier:
        address = verifier.url.rpartition(":")[2]
        env = {
            "RLMR_API_KEY": KEY,
            "RLMR_AGGREGATOR_WRITING_RM_URL": services.writing_rm.url,
            "RLMR_AGGREGATOR_VERIFIER_URL": verifier.url,
            "RLMR_AGGREGATOR_RETRIES": "1",
            "RLMR_AGGREGATOR_READINESS_CACHE_SECONDS": "0",
        }
        with ServiceProcess("aggregator", env) as aggregator, RlmrClient(aggregator.url, api_key=KEY) as client:
            assert client.reward([group(OBEDIENT)]).groups[0].decision is Decision.TRAIN
            verifier.process.kill()
            verifier.process.wait()
            ready, reasons = client.ready()
            assert not ready
            assert "verifier at" in reasons[0]
            down = client.reward([group(OBEDIENT)]).groups[0]
            assert (down.decision, down.reason) == ("drop", "unavailable")
            assert down.rewards == [None] * 3
            assert None not in down.writing  # the other service's answer is still reported
            with ServiceProcess("verifier", {"RLMR_API_KEY": KEY, "RLMR_VERIFIER_PORT": address}):
                assert client.ready() == (True, [])
                assert client.reward([group(OBEDIENT)]).groups[0].decision is Decision.TRAIN
