"""What settings change in a running aggregator: filter, ask_all, verify mode, upstream key."""

from collections.abc import Iterator

import httpx
import pytest

from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream


@pytest.fixture(scope="module")
def configured(fakes: tuple[FakeUpstream, FakeUpstream]) -> Iterator[ServiceProcess]:
    env = aggregator_env(
        *fakes,
        STRATEGY="quality_only",
        ASK_ALL="true",
        VERIFY_MODE="loose",
        ALL_HIGH="3",
        ALL_LOW="-3",
        MIN_VALID="3",
        MIN_VALID_SHARE="0",
        UPSTREAM_API_KEY="for-upstreams",
        READY_WITHOUT="[]",
    )
    with ServiceProcess("aggregator", env) as process:
        yield process


@pytest.fixture
def bench(fakes: tuple[FakeUpstream, FakeUpstream], configured: ServiceProcess) -> Iterator[Bench]:
    for fake in fakes:
        fake.reset()
    with httpx.Client(base_url=configured.url, timeout=30) as http:
        yield Bench(*fakes, configured, http)


def test_ask_all_reports_violations_under_quality_only_and_mixes_without_them(bench: Bench) -> None:
    group = bench.group("w=1", "w=2 bad", "w=0")
    assert group["rewards"] == [1, 2, 0]
    assert group["violated"] == [False, True, False]
    assert (group["diagnostics"]["k"], group["diagnostics"]["compliant_below_mean"]) == (1, 1)


@pytest.mark.parametrize("fault", [500, "truncated", 401, ("status", 429, {"Retry-After": "1"})])
def test_ask_alls_failure_invalidates_nothing_and_is_not_repeated(bench: Bench, fault: object) -> None:
    bench.verifier.always = fault
    group = bench.group("w=1", "w=2 bad", "w=0")
    assert (group["decision"], group["rewards"], group["violated"]) == ("train", [1, 2, 0], [None] * 3)
    assert len(bench.verifier.requests) == 1


def test_a_strategy_that_does_not_need_the_verifier_is_ready_without_it(bench: Bench) -> None:
    bench.verifier.ready = False
    assert bench.http.get("/readyz").status_code == 200
    bench.writing.ready = False
    assert bench.http.get("/readyz").status_code == 503


@pytest.mark.parametrize(
    ("responses", "reason"),
    [
        (["w=3.1", "w=4", "w=9"], "all_high"),
        (["w=3", "w=4", "w=9"], None),
        (["w=-3.1", "w=-4", "w=-9"], "all_low"),
        (["w=-2", "w=-4", "w=9"], None),
        (["w=1", "w=2", "w=timeout"], "too_few_valid"),
        (["w=1", "w=2"], None),  # never more than the group has
    ],
)
def test_the_group_filter(bench: Bench, responses: list[str], reason: str | None) -> None:
    group = bench.group(*responses)
    assert group["reason"] == reason
    assert (group["rewards"] == [None] * len(responses)) == (reason is not None)


def test_the_filter_looks_at_rewards_before_the_adjustment(bench: Bench) -> None:
    """rlmr would lower the violator to 2.5, below the threshold: the raw rewards are all above it."""
    assert bench.group("w=4 bad", "w=4", "w=4", strategy="rlmr")["reason"] == "all_high"


def test_mode_and_key_reach_the_upstreams(bench: Bench) -> None:
    bench.group("w=1", "w=2", "w=0")
    assert bench.verifier.requests[0]["mode"] == "loose"
    assert bench.writing.headers[0]["Authorization"] == "Bearer for-upstreams"
    assert bench.verifier.headers[0]["Authorization"] == "Bearer for-upstreams"
