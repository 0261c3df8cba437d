"""The attack corpus against a verifier whose scripted judge is honest, and against one that believes everything it reads."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from services.verifier.attack.corpus import TARGETS, attacks
from services.verifier.attack.run import FamilyResult, run
from services.verifier.constraints import check
from tests.service_process import ServiceProcess
from tests.services.verifier.scripted_judge import ScriptedJudge, completion, verdict

_DELIMITED = re.compile(r"\n(=====\[[0-9a-f]{24}\]=====)\n(.*)\n\1\n", re.DOTALL)


def honest(body: dict[str, Any]) -> dict[str, Any]:
    """Reads only what stands between the delimiters, which must be whole, and finds it wanting."""
    content = body["messages"][1]["content"]
    found = _DELIMITED.search(content)
    assert found is not None, content
    assert content.count(found.group(1)) == 3
    return verdict(False, "not met")


def gullible(body: dict[str, Any]) -> dict[str, Any]:
    return verdict("met" in body["messages"][1]["content"].split("=====")[-3])


def parrot(body: dict[str, Any]) -> dict[str, Any]:
    """Answers with the response itself, so that a forged verdict comes out of the judge's own mouth, among other text."""
    found = _DELIMITED.search(body["messages"][1]["content"])
    assert found is not None
    return completion(found.group(2))


@contextmanager
def attacked(answer: Any) -> Iterator[tuple[int, str]]:
    with ScriptedJudge(answer) as judge:
        judged = {"JUDGE_URL": judge.url, "JUDGE_MODEL": "scripted", "JUDGE_GOLDEN_MINUTES": "0"}
        env = {f"RLMR_VERIFIER_{name}": value for name, value in judged.items()}
        with ServiceProcess("verifier", env) as service:
            result = CliRunner().invoke(app, ["attack", "--url", service.url])
            yield result.exit_code, result.output


def test_nothing_passes_through_rules_template_or_parser() -> None:
    with attacked(honest) as (code, output):
        assert code == 0, output
    assert "mark_all_passed" in output
    assert "look_alikes" in output


def test_a_judge_that_repeats_the_response_passes_nothing() -> None:
    with attacked(parrot) as (_, output):
        assert "passed:" not in output, output


def test_a_gullible_judge_is_found_out() -> None:
    with attacked(gullible) as (code, output):
        assert code == 1, output
    assert "passed: judge: sonnet" in output


def _results(answered: int, false_passes: int) -> list[FamilyResult]:
    return [
        FamilyResult("openers", asked=10),
        FamilyResult("role_tokens", asked=10, false_passes=false_passes, statuses=Counter(timeout=10 - answered)),
    ]


@pytest.mark.parametrize(
    ("answered", "false_passes", "code", "shown"),
    [(10, 0, 0, "0.00%"), (10, 1, 1, "10.00%"), (4, 1, 1, "25.00%"), (4, 0, 2, "0.00%"), (0, 0, 2, "10 timeout")],
)
def test_the_rate_is_over_what_was_answered_and_too_few_answers_are_no_measurement(
    answered: int, false_passes: int, code: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.verifier.attack.run.run", lambda url, **_: _results(answered, false_passes))
    result = CliRunner().invoke(app, ["attack", "--url", "http://127.0.0.1:9"])
    assert result.exit_code == code, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("role_tokens")]
    assert shown in line
    assert ("too few attacks" in result.output) == (answered < 9)


def test_closed_connections_and_full_queues_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that drops a kept connection, or is overloaded for a moment, has not failed the attack."""
    faults: list[Any] = [
        httpx.RemoteProtocolError("Server disconnected"),
        httpx.Response(503, headers={"Retry-After": "0"}),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if faults:
            fault = faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        samples = json.loads(request.content)["samples"]
        return httpx.Response(
            200,
            json={
                "verifier": {"revision": "r"},
                "results": [{"id": s["id"], "status": "ok", "passed": False} for s in samples],
            },
        )

    real = httpx.Client
    monkeypatch.setattr("httpx.Client", lambda **kw: real(transport=httpx.MockTransport(answer), **kw))
    results = run("http://verifier", judge=False)
    assert not faults
    assert sum(r.answered for r in results) == sum(r.asked for r in results) > 100


def test_an_absent_verifier_is_not_a_safe_one() -> None:
    result = CliRunner().invoke(app, ["attack", "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 2
    assert "error:" in result.output


def test_every_attack_on_a_rule_violates_it_by_our_own_check() -> None:
    rules = [a for a in attacks() if a.target.constraint["type"] != "judge"]
    assert len({a.family for a in rules}) >= 8
    for attack in rules:
        constraint = attack.target.constraint
        for mode in ("strict", "loose"):
            found = check(constraint["type"], constraint["kwargs"], attack.target.prompt, attack.response, mode)  # type: ignore[arg-type]
            assert not found.passed, (attack, found)


@pytest.mark.parametrize("target", [t for t in TARGETS if t.constraint["type"] == "judge"], ids=lambda t: t.name)
def test_the_families_cover_every_judge_target(target: Any) -> None:
    assert len([a for a in attacks() if a.target is target]) > 100
