"""A second reward model that is only compared: it changes no reply and delays none, and its differences are reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.aggregator.shadow import Summary, agreement
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream


class OtherModel(FakeUpstream):
    """Half a point above the first for all but the texts with "worse", which it puts three below."""

    def _result(self, response: str, constraints: list[dict[str, Any]] | None) -> dict[str, Any]:
        result = super()._result(response, constraints)
        if result["score"] is not None:
            result["score"] += -3.0 if "worse" in response else 0.5
        return result


@pytest.fixture(scope="module")
def other() -> Iterator[FakeUpstream]:
    fake = OtherModel("score").start()
    fake.revision = "r2"
    yield fake
    fake.stop()


@pytest.fixture
def bench(fakes: tuple[FakeUpstream, FakeUpstream], other: FakeUpstream) -> Iterator[Bench]:
    for fake in (*fakes, other):
        fake.reset()
    with (
        ServiceProcess("aggregator", aggregator_env(*fakes, SHADOW_WRITING_RM_URL=other.url)) as process,
        httpx.Client(base_url=process.url, timeout=30) as http,
    ):
        yield Bench(*fakes, process, http)


def report(bench: Bench, outcome: str, number: int) -> dict[str, Any]:
    """As soon as so many groups have had this outcome."""
    for _ in range(100):
        said: dict[str, Any] = bench.http.get("/v1/shadow").json()
        if said["outcomes"].get(outcome, 0) >= number:
            return said
        time.sleep(0.1)
    raise AssertionError(said)


def test_differences_are_reported_and_change_nothing(bench: Bench) -> None:
    group = bench.group("w=1", "w=0", "w=0.5 worse", strategy="quality_only")
    assert group["rewards"] == [1.0, 0.0, 0.5]
    said = report(bench, "compared", 1)
    assert (said["counted_revision"], said["shadow_revision"]) == ("r1", "r2")
    assert (said["groups"], said["samples"]) == (1, 3)
    assert said["difference_mean"] == pytest.approx((0.5 + 0.5 - 3.0) / 3)
    assert said["difference_largest"] == pytest.approx(3.0)
    assert said["pairs_in_the_same_order"] == pytest.approx(2 / 3)  # (0, 0.5) is the other way round
    page = bench.http.get("/metrics").text
    assert 'rlmr_aggregator_shadow_groups_total{outcome="compared"} 1.0' in page
    assert 'rlmr_aggregator_shadow_pairs_total{order="other"} 1.0' in page
    assert "rlmr_aggregator_shadow_difference_count 3.0" in page


def test_a_shadow_that_hangs_or_fails_delays_nobody(bench: Bench, other: FakeUpstream) -> None:
    other.always = "hang"
    started = time.monotonic()
    bench.group("w=1", "w=0", strategy="quality_only")
    assert time.monotonic() - started < 1.5
    other.release.set()
    other.always = 500
    bench.group("w=1", "w=0", strategy="quality_only")
    said = report(bench, "failed", 1)
    assert said["difference_mean"] is None


def test_without_one_the_report_says_how_to_have_one(fakes: Any, aggregator: ServiceProcess) -> None:
    reply = httpx.get(f"{aggregator.url}/v1/shadow")
    assert reply.status_code == 404
    assert "RLMR_AGGREGATOR_SHADOW_WRITING_RM_URL" in reply.text


def test_equal_scores_say_nothing_about_the_order() -> None:
    assert agreement([(1, 5), (1, 4), (0, 4)]) == (1, 1)
    assert Summary().report()["pairs_in_the_same_order"] is None
