"""`rlmr doctor`: what it finds, what it advises, and its exit code."""

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.service_process import ServiceProcess
from tests.services.aggregator.conftest import aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream
from tests.three_services import KEY, Services


def run(*args: str, key: str | None = KEY) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *args], env={"RLMR_API_KEY": key, "COLUMNS": "300"})
    return result.exit_code, result.output


def test_all_is_well(services: Services) -> None:
    code, said = run("--url", services.aggregator.url)
    assert code == 0, said
    for name in ("aggregator", "writing-rm", "verifier"):
        assert f"{name}: ready" in said
        assert f"{name}: asks for the key" in said
    assert "the violator found, delta" in said
    assert "0 warnings, 0 failures" in said


def test_nobody_there() -> None:
    dead = "http://127.0.0.1:9"
    code, said = run("--url", dead, "--writing-rm-url", dead, "--verifier-url", dead)
    assert code == 1
    assert "aggregator: nobody answers" in said
    assert "rlmr serve writing-rm" in said
    assert "round trip: not tried" in said


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_wrong_key_is_named(services: Services, key: str | None) -> None:
    code, said = run("--url", services.aggregator.url, key=key)
    assert code == 1
    assert "set RLMR_API_KEY to the key that the services were started with" in said


def test_swapped_addresses_are_noticed(services: Services) -> None:
    swapped = ("--writing-rm-url", services.verifier.url, "--verifier-url", services.writing_rm.url)
    code, said = run("--url", services.aggregator.url, *swapped)
    assert code == 1
    assert "the verifier answers" in said
    assert "swap the addresses" in said


def test_an_upstream_that_is_down_is_named_with_its_remedy(services: Services) -> None:
    writing = FakeUpstream("score").start()
    writing.stop()
    env = {
        "RLMR_AGGREGATOR_WRITING_RM_URL": writing.url,
        "RLMR_AGGREGATOR_VERIFIER_URL": services.verifier.url,
        "RLMR_AGGREGATOR_RETRIES": "0",
    }
    with ServiceProcess("aggregator", {"RLMR_API_KEY": KEY, **env}) as aggregator:
        code, said = run("--url", aggregator.url)
    assert code == 1
    assert "aggregator: not ready: writing_rm at" in said
    assert "RLMR_AGGREGATOR_WRITING_RM_URL" in said
    assert "writing-rm: nobody answers" in said
    assert "round trip: a sample got no reward: writing_rm: " in said


def test_services_without_a_key_are_a_warning(services: Services) -> None:
    writing, verifier = FakeUpstream("score").start(), FakeUpstream("verify").start()
    with ServiceProcess("aggregator", aggregator_env(writing, verifier)) as aggregator:
        _, said = run("--url", aggregator.url, key=None)
    writing.stop()
    verifier.stop()
    assert "aggregator: answers without a key" in said
