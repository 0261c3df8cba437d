"""POST /reward over real sockets, with upstreams that behave."""

import httpx
import pytest

from services.aggregator.mixing import STRATEGIES
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

PAPER = ("w=5 bad", "w=1", "w=2", "w=3")


def test_a_group_is_rewarded_and_explained(bench: Bench) -> None:
    reply = bench.ask(*PAPER).json()
    assert reply["strategy"] == {
        "name": "rlmr",
        "gamma": 1.0,
        "gamma_unit": "reference",
        "gamma_floor": 0.01,
        "delta_min": 0.0,
    }
    assert reply["model"]["revision"] == "r1"
    assert reply["verifier"]["revision"] == "v1"
    group = reply["groups"][0]
    assert (group["decision"], group["reason"]) == ("train", None)
    assert group["rewards"] == pytest.approx([2 / 3, 1, 2, 3])
    assert group["delta"] == pytest.approx(13 / 3)
    assert group["writing"] == [5, 1, 2, 3]
    assert group["violated"] == [True, False, False, False]
    assert group["valid"] == [True] * 4
    diagnostics = group["diagnostics"]
    assert (diagnostics["n"], diagnostics["n_valid"], diagnostics["k"]) == (4, 4, 1)
    assert diagnostics["compliant_below_mean"] == 1
    assert diagnostics["samples"][0]["reasons"] == ["judge: told to fail"]


def test_one_call_to_each_upstream_per_group_with_everything_it_needs(bench: Bench) -> None:
    constraints = [{"type": "punctuation:no_comma", "kwargs": {}}, {"type": "judge", "text": "is about the sea"}]
    prompt = [{"role": "system", "content": "You write."}, {"role": "user", "content": "Write."}]
    bench.ask("w=1", "w=2 bad", constraints=constraints, prompt=prompt)
    (score,), (verify,) = bench.writing.requests, bench.verifier.requests
    assert verify.pop("mode") == "strict"
    assert score == verify
    (group,) = score["groups"]
    assert (group["prompt"], group["responses"]) == (prompt, ["w=1", "w=2 bad"])
    assert [c["type"] for c in group["constraints"]] == ["punctuation:no_comma", "judge"]


def test_groups_of_one_request_are_independent_and_keep_their_order(bench: Bench) -> None:
    groups = [
        {"id": "a", "prompt": "p", "constraints": None, "responses": ["w=1", "w=2 bad"]},
        {"id": "b", "prompt": "p", "constraints": None, "responses": ["w=1 bad", "w=2 bad"]},
        {"id": "c", "prompt": "p", "constraints": None, "responses": ["w=7"]},
    ]
    together = bench.http.post("/reward", json={"groups": groups}).json()["groups"]
    alone = [bench.http.post("/reward", json={"groups": [g]}).json()["groups"][0] for g in groups]
    assert [g["id"] for g in together] == ["a", "b", "c"]
    assert together == alone
    assert [g["reason"] for g in together] == [None, "all_violate", None]


def test_an_all_violate_group_is_dropped_with_no_reward(bench: Bench) -> None:
    group = bench.group("w=1 bad", "w=2 bad")
    assert (group["decision"], group["reason"], group["rewards"]) == ("drop", "all_violate", [None, None])
    assert (group["writing"], group["violated"], group["delta"]) == ([1, 2], [True, True], None)


def test_an_invalid_sample_has_no_reward_and_its_siblings_are_mixed_without_it(bench: Bench) -> None:
    group = bench.group("w=timeout", *PAPER, "w=9 v=unverifiable")
    assert group["decision"] == "train"
    assert group["valid"] == [False, True, True, True, True, False]
    assert group["rewards"][0] is None
    assert group["rewards"][5] is None
    assert group["rewards"][1:5] == pytest.approx([2 / 3, 1, 2, 3])
    samples = group["diagnostics"]["samples"]
    assert (samples[0]["score_status"], samples[0]["verify_status"]) == ("timeout", "ok")
    assert samples[5]["verify_status"] == "unverifiable"
    assert "told to be timeout" in samples[0]["reasons"][0]


def test_too_few_valid_samples_drop_the_group(bench: Bench) -> None:
    group = bench.group("w=1", "w=invalid_input", "w=invalid_input", "w=timeout")
    assert (group["decision"], group["reason"]) == ("drop", "too_few_valid")
    assert group["rewards"] == [None] * 4
    assert group["writing"] == [1, None, None, None]


def test_when_no_sample_of_an_upstream_has_an_answer_the_group_is_unavailable(bench: Bench) -> None:
    group = bench.group("w=unavailable", "w=timeout")
    assert (group["decision"], group["reason"]) == ("drop", "unavailable")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_can_be_asked_for_by_name(bench: Bench, name: str) -> None:
    reply = bench.ask(*PAPER, strategy=name)
    assert reply.status_code == 200
    assert reply.json()["strategy"]["name"] == name
    assert reply.json()["groups"][0]["decision"] == "train"
    need = STRATEGIES[name]
    assert len(bench.writing.requests) == need.needs_writing
    assert len(bench.verifier.requests) == need.needs_verdict


def test_parameters_of_the_request_override_those_of_the_service(bench: Bench) -> None:
    reply = bench.ask(*PAPER, strategy={"name": "rlmr", "gamma": 4.0}).json()
    assert reply["strategy"] == {
        "name": "rlmr",
        "gamma": 4.0,
        "gamma_unit": "reference",
        "gamma_floor": 0.01,
        "delta_min": 0.0,
    }
    assert reply["groups"][0]["delta"] == pytest.approx(25 / 3)


def test_product_uses_each_constraints_verdict(bench: Bench) -> None:
    constraints = [{"type": "a:b"}, {"type": "c:d"}, {"type": "judge", "text": "t"}]
    group = bench.group("bad half", "bad", "fine", strategy="product", constraints=constraints)
    assert group["rewards"] == [0.5, 0, 1]


@pytest.mark.parametrize(
    ("strategy", "path", "allowed"),
    [
        ({"name": "rlrm"}, "strategy.name", "quality_only, verify_only, linear"),
        ({"name": "rlmr", "gama": 1}, "strategy.gama", "gamma"),
        ({"name": "rlmr", "gamma": -1}, "strategy.gamma", "greater than or equal to 0"),
        ({"name": "linear", "weight": "x"}, "strategy.weight", "valid number"),
        ({"name": "quality_only", "gamma": 1}, "strategy.gamma", "parameters of quality_only: none"),
    ],
)
def test_unknown_strategies_and_parameters_are_named(bench: Bench, strategy: dict, path: str, allowed: str) -> None:
    reply = bench.ask("w=1", strategy=strategy)
    assert reply.status_code == 422
    error = reply.json()["errors"][0]
    assert error["path"] == path
    assert allowed in error["message"]
    assert bench.writing.requests == []


def test_a_repeat_gives_the_same_answer(bench: Bench) -> None:
    assert bench.ask(*PAPER).json() == bench.ask(*PAPER).json()


def test_the_request_id_reaches_the_upstreams_and_the_caller(bench: Bench) -> None:
    reply = bench.http.post(
        "/reward",
        json={"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": ["w=1"]}]},
        headers={"X-Request-ID": "run7/step3"},
    )
    assert reply.headers["X-Request-ID"] == "run7/step3"
    assert bench.writing.headers[0]["X-Request-ID"] == "run7/step3"
    assert bench.verifier.headers[0]["X-Request-ID"] == "run7/step3"


def test_a_response_over_the_limit_is_too_long_and_is_not_sent(bench: Bench) -> None:
    group = bench.group("w=1", "w=2 bad", "x" * 200_001)
    assert group["decision"] == "train"
    # The policy's own doing, so a violation (it was left out, at advantage 0: better than any other violation).
    assert (group["valid"], group["violated"]) == ([True] * 3, [False, True, True])
    assert group["diagnostics"]["samples"][2]["score_status"] == "too_long"
    assert len(bench.writing.requests[0]["groups"][0]["responses"]) == 2


def test_metrics_tell_what_was_decided(bench: Bench) -> None:
    def value(line_start: str) -> float:
        lines = [x for x in bench.http.get("/metrics").text.splitlines() if x.startswith(line_start)]
        return float(lines[0].split()[-1]) if lines else 0.0

    dropped = 'rlmr_aggregator_groups_total{decision="drop",reason="all_violate",strategy="rlmr"}'
    timeouts = 'rlmr_aggregator_samples_total{status="timeout",upstream="writing_rm"}'
    deltas = "rlmr_aggregator_delta_count"
    before = [value(x) for x in (dropped, timeouts, deltas)]
    bench.ask("w=1 bad", "w=2 bad")
    bench.ask("w=timeout", "w=1", "w=2 bad", "w=3")
    assert [value(x) for x in (dropped, timeouts, deltas)] == [before[0] + 1, before[1] + 1, before[2] + 1]
    text = bench.http.get("/metrics").text
    for series in ("violator_share", "length_correlation", "upstream_seconds", "upstream_attempts", "writing_reward"):
        assert f"rlmr_aggregator_{series}" in text


def test_info_tells_the_strategy_the_filter_and_no_secret(bench: Bench) -> None:
    info = bench.http.get("/v1/info").json()
    assert info["details"]["strategy"] == {
        "name": "rlmr",
        "gamma": 1.0,
        "gamma_unit": "reference",
        "gamma_floor": 0.01,
        "delta_min": 0.0,
    }
    assert info["details"]["filter"]["min_valid"] == 2
    assert "key" not in str(info).lower()


def test_a_group_that_no_strategy_can_answer_is_a_422_and_not_a_500(fakes: tuple[FakeUpstream, FakeUpstream]) -> None:
    responses = ["w=1"] + ["w=1 bad"] * 5999
    body = {"groups": [{"id": "g", "prompt": "p", "constraints": None, "responses": responses}]}
    for fake in fakes:
        fake.reset()
    with (
        ServiceProcess("aggregator", aggregator_env(*fakes, MAX_SAMPLES="6000")) as process,
        httpx.Client(base_url=process.url, timeout=60) as http,
    ):
        reply = http.post("/reward", json=body)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["path"] == "groups[0].responses"
    assert "too large a group" in reply.json()["message"]
