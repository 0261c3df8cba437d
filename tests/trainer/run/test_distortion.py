"""A reward model with a wrong scale: what the aggregator sees through the proxy, and that evaluation does not."""

import math
from collections.abc import Iterator
from statistics import stdev

import httpx
import pytest

from rlmr.client import NoAnswer, Refused, RlmrClient
from tests.services.aggregator.upstreams import FakeUpstream
from trainer.run.distortion import QUALITY_MEAN, QUALITY_STD, DistortingProxy, Distortion


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream("score").start()
    yield fake
    fake.stop()


def scores(url: str, *prompts: str, response: str = "w=2") -> list[float | None]:
    samples = [{"id": str(i), "prompt": prompt, "response": response} for i, prompt in enumerate(prompts)]
    with RlmrClient(url, retries=0) as client:
        return [result.score for result in client.score(samples).results]


def test_every_score_is_multiplied_and_the_revision_says_so(upstream: FakeUpstream) -> None:
    with DistortingProxy(Distortion(factor=4), upstream.url).running() as url:
        assert scores(url, "a", "b") == [8.0, 8.0]
        with RlmrClient(url) as client:
            assert client.score([{"id": "s", "prompt": "p", "response": "w=1"}]).model.revision == "r1-distorted"
        assert httpx.get(f"{url}/readyz").status_code == 200


def test_groups_are_distorted_as_their_samples_are(upstream: FakeUpstream) -> None:
    """The aggregator sends groups."""
    distortion = Distortion(factor=4, spread_over_prompts=0.5)
    groups = [{"id": p, "prompt": p, "constraints": [], "responses": ["w=2", "w=timeout", "w=1"]} for p in "ab"]
    with DistortingProxy(distortion, upstream.url).running() as url, RlmrClient(url) as client:
        reply = client.score_groups(groups)
        assert scores(url, "a", "b") == [reply.groups[0].results[0].score, reply.groups[1].results[0].score]
    assert reply.model.revision == "r1-distorted"
    for group in reply.groups:
        factor = distortion.factor_of(group.id)
        assert [r.score for r in group.results] == pytest.approx([2 * factor, None, factor])


def test_a_sample_without_a_score_stays_without(upstream: FakeUpstream) -> None:
    with DistortingProxy(Distortion(factor=4), upstream.url).running() as url:
        assert scores(url, "a", response="w=timeout") == [None]


def test_each_prompt_has_a_factor_of_its_own_always_the_same() -> None:
    distortion = Distortion(factor=2, spread_over_prompts=0.5)
    factors = [distortion.factor_of(f"prompt {i}") for i in range(2000)]
    assert factors == [distortion.factor_of(f"prompt {i}") for i in range(2000)]
    logs = [math.log(f / 2) for f in factors]
    assert abs(sum(logs) / 2000) < 0.05
    assert stdev(logs) == pytest.approx(0.5, rel=0.1)


def test_longer_texts_can_be_liked(upstream: FakeUpstream) -> None:
    with DistortingProxy(Distortion(per_word=0.5, factor=2), upstream.url).running() as url:
        assert scores(url, "a", response="w=2") == [2 * (2.0 + 0.5)]
        assert scores(url, "a", response="w=2 and two more") == [2 * (2.0 + 4 * 0.5)]


def test_the_scale_can_drift_with_the_groups_scored_in_training(upstream: FakeUpstream) -> None:
    proxy = DistortingProxy(Distortion(drift=1000 * math.log(2)), upstream.url)
    group = {"id": "g", "prompt": "p", "constraints": [], "responses": ["w=1"]}
    with proxy.running() as url, RlmrClient(url) as client:
        found = [client.score_groups([group]).groups[0].results[0].score for _ in range(3)]
        assert found == pytest.approx([2.0, 4.0, 8.0])
        proxy.active = False
        client.score_groups([group])
        assert proxy.groups == 3  # evaluation is not training


def test_the_true_quality_can_stand_in_for_the_score(upstream: FakeUpstream) -> None:
    proxy = DistortingProxy(
        Distortion(true_quality=True), upstream.url, quality=lambda text: QUALITY_MEAN + QUALITY_STD
    )
    with proxy.running() as url:
        assert scores(url, "a") == [pytest.approx(1.0)]
    with pytest.raises(ValueError, match="quality"):
        DistortingProxy(Distortion(true_quality=True), upstream.url)


def test_evaluation_goes_through_undistorted(upstream: FakeUpstream) -> None:
    proxy = DistortingProxy(Distortion(factor=4), upstream.url)
    with proxy.running() as url:
        proxy.active = False
        assert scores(url, "a") == [2.0]


@pytest.mark.parametrize("fault", [422, 503])
def test_a_refusal_is_passed_on(upstream: FakeUpstream, fault: int) -> None:
    upstream.always = fault
    with DistortingProxy(Distortion(factor=4), upstream.url).running() as url, pytest.raises(Refused, match=str(fault)):
        scores(url, "a")


def test_an_absent_reward_model_is_unavailable() -> None:
    with DistortingProxy(Distortion(), "http://127.0.0.1:9").running() as url, pytest.raises((Refused, NoAnswer)):
        scores(url, "a")
