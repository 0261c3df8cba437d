"""A violation that an unsure checker finds goes to the judge where there is one; the judge's endpoint alone is scripted."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.constraints import check, registry
from services.verifier.settings import VerifierSettings
from tests.services.verifier.scripted_judge import ScriptedJudge, verdict
from tests.services.verifier.test_judge import ask, verifier

PRESENT = {"type": "narration:tense", "kwargs": {"tense": "present"}}
NO_COMMA = {"type": "punctuation:no_comma"}
PAST = "She walked home and slept."


def test_the_judge_overrules_and_the_reason_tells_both() -> None:
    with ScriptedJudge(lambda body: verdict(True, "it is told in the present")) as judge, verifier(judge) as client:
        result = ask(client, PAST, [PRESENT, NO_COMMA])
        asked = judge.bodies[0]["messages"][1]["content"]
    assert (result["status"], result["passed"]) == ("ok", True)
    tense, comma = result["constraints"]
    assert (tense["type"], tense["source"], tense["passed"]) == ("narration:tense", "judge", True)
    assert tense["reason"] == "unsure: 2 past and 0 present verb forms; judge: it is told in the present"
    assert comma["source"] == "rule"
    assert "present tense" in asked


def test_the_judge_agrees_with_the_rule() -> None:
    with ScriptedJudge(lambda body: verdict(False, "walked is past")) as judge, verifier(judge) as client:
        result = ask(client, PAST, [PRESENT])
    assert (result["status"], result["passed"], result["constraints"][0]["source"]) == ("ok", False, "judge")


def test_a_pass_and_a_blank_response_are_not_asked() -> None:
    with ScriptedJudge(lambda body: verdict(False)) as judge, verifier(judge) as client:
        assert ask(client, "She walks home and sleeps.", [PRESENT])["passed"] is True
        assert ask(client, " ", [PRESENT])["constraints"][0]["reason"] == "the response is empty"
    assert not judge.bodies


def test_a_certain_failure_decides_and_the_rules_verdict_stands() -> None:
    with ScriptedJudge(lambda body: verdict(True)) as judge, verifier(judge) as client:
        result = ask(client, "She walked, home.", [PRESENT, NO_COMMA])
    assert not judge.bodies
    assert result["passed"] is False
    assert result["constraints"][0]["reason"].startswith("unsure: ")


@pytest.mark.parametrize("judge_after_failure", [False, True])
def test_unsure_alone_is_asked_whatever_else_the_judge_answers(judge_after_failure: bool) -> None:
    with (
        ScriptedJudge(lambda body: verdict(True)) as judge,
        verifier(judge, judge_after_failure=judge_after_failure) as client,
    ):
        result = ask(client, PAST, [{"type": "judge", "text": "The text is sad."}, PRESENT, NO_COMMA])
    assert [c["source"] for c in result["constraints"]] == ["judge", "judge", "rule"]
    assert result["passed"] is True
    assert len(judge.bodies) == 2


def test_a_judge_that_fails_gives_no_verdict() -> None:
    with (
        ScriptedJudge(lambda body: (503, {}, "busy")) as judge,
        verifier(judge, judge_retries=0, judge_seconds=1.0) as client,
    ):
        result = ask(client, PAST, [PRESENT])
    assert (result["status"], result["passed"]) == ("unavailable", None)
    assert result["constraints"][0]["reason"].startswith("unsure: ")


def test_without_a_judge_the_rules_verdict_stands_and_says_so() -> None:
    with TestClient(build_app(VerifierSettings())) as client:
        result = ask(client, PAST, [PRESENT])
        listed: dict[str, Any] = client.get("/v1/info").json()["details"]["checkers"]
    (tense,) = result["constraints"]
    assert (result["status"], result["passed"], tense["source"]) == ("ok", False, "rule")
    assert tense["reason"] == "unsure: 2 past and 0 present verb forms"
    assert listed["narration:tense"]["unsure"] and not listed["punctuation:no_comma"]["unsure"]


def test_only_our_own_reading_of_prose_is_unsure() -> None:
    """What counts or looks up is certain, and the benchmarks' ids are what their references say."""
    unsure = {id for id, found in registry.items() if found.unsure}
    assert {id.split(":")[0] for id in unsure} <= {"narration", "verse", "structure", "script", "markup", "length"}
    assert "unsure" not in check("length:words", {"min": 9}, "", "One two.").reason
