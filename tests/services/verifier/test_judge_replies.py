"""Whatever the judge says, the request is answered: what cannot be read fails its own sample."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import example as case
from hypothesis import strategies as st

from rlmr.wire import VerifyReply
from services.verifier.app import build_app
from services.verifier.settings import VerifierSettings
from tests.services.verifier.scripted_judge import ScriptedJudge, completion, verdict


@pytest.fixture(scope="module")
def judge() -> Iterator[ScriptedJudge]:
    with ScriptedJudge(lambda body: verdict(True)) as scripted:
        scripted.seconds = 0
        yield scripted


@pytest.fixture(scope="module")
def client(judge: ScriptedJudge) -> Iterator[TestClient]:
    given = VerifierSettings(
        judge_url=judge.url, judge_model="scripted", judge_golden_minutes=0, judge_failed_calls=10**6, cache_bytes=0
    )
    with TestClient(build_app(given)) as client:
        yield client


def answers(client: TestClient, *constraints: Any) -> list[dict[str, Any]]:
    """To one sample for each list of constraints, beside one that no judge is needed for."""
    samples = [
        {"id": str(i), "prompt": "p", "response": "The leaves lie deep.", "constraints": listed}
        for i, listed in enumerate([*constraints, [{"type": "punctuation:no_comma"}]])
    ]
    reply = client.post("/verify", json={"samples": samples})
    assert reply.status_code == 200, reply.text
    VerifyReply.model_validate_json(reply.content)
    *asked, plain = reply.json()["results"]
    assert plain["passed"] is True
    return asked


def split_into(*found: dict[str, Any]) -> Any:
    """A judge that reads these constraints out of every prompt, and finds each met. JSON as its engine would write it."""

    def answer(body: dict[str, Any]) -> Any:
        splitting = body["response_format"]["json_schema"]["name"] == "constraints"
        text = json.dumps({"constraints": list(found)}).replace('"HUGE"', "1e999")
        return completion(text) if splitting else verdict(True)

    return answer


@pytest.mark.parametrize(
    "kwargs",
    [{"max": "HUGE"}, {"min": 1, "max": 10**40}, {"max": "\ud800"}, {"\ud800": 1}, {"max": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}],
    ids=["infinite", "beyond 64 bits", "surrogate", "surrogate name", "deep"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["length:words", "readability:grade"])
def test_kwargs_that_no_wire_can_carry_leave_the_constraint_to_the_judge(
    judge: ScriptedJudge, client: TestClient, kwargs: dict[str, Any], kind: str
) -> None:
    judge.answer = split_into({"text": "Few words.", "type": kind, "kwargs": kwargs})
    (result,) = answers(client, None)
    assert (result["passed"], result["constraints"][0]["type"]) == (True, "judge")


def test_a_lone_surrogate_in_what_the_judge_writes_is_shown_escaped(judge: ScriptedJudge, client: TestClient) -> None:
    judge.answer = split_into({"text": "Few \ud800 words.", "type": "judge", "kwargs": {}})
    assert answers(client, None)[0]["passed"] is True
    judge.answer = lambda body: verdict(False, "quotes \udfff")
    (result,) = answers(client, [{"type": "judge", "text": "calm"}])
    assert (result["passed"], result["constraints"][0]["reason"]) == (False, "quotes \\udfff")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["met", "violated", "judge", "length:words", "punctuation:no_comma", "x:y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reason", "verdict", "constraints", "type", "text", "kwargs", "min", "\ud800"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    said=VALUES
    | st.fixed_dictionaries({"reason": VALUES, "verdict": st.just("met")})
    | st.fixed_dictionaries(
        {
            "constraints": st.lists(
                st.fixed_dictionaries(
                    {"text": VALUES, "type": st.sampled_from(["judge", "length:words"]), "kwargs": VALUES}
                )
            )
        }
    ),
    whole=st.booleans(),
)
@case(said={"choices": {"0": 1}}, whole=True)
@case(said={"choices": [{"message": {"content": "x"}, "finish_reason": ["\ud800"]}]}, whole=True)
def test_any_json_is_a_verdict_or_a_status(judge: ScriptedJudge, client: TestClient, said: Any, whole: bool) -> None:
    """As the message, and as the whole reply."""
    text = json.dumps(said)
    judge.answer = lambda body: text.encode() if whole else completion(text)
    for result in answers(client, None, [{"type": "judge", "text": "calm"}]):
        assert (result["passed"] is None) == (result["status"] != "ok")
