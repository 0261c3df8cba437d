"""The verifier over its HTTP interface, in process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.settings import VerifierSettings

NO_COMMA = {"type": "punctuation:no_comma"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(build_app(VerifierSettings(max_samples=8, max_chars=200_000, max_constraints=4))) as client:
        yield client


def verify(client: TestClient, response: str, constraints: object, **more: object) -> dict:
    sample = {"id": "a", "prompt": "p", "response": response, "constraints": constraints}
    reply = client.post("/verify", json={"samples": [sample], **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["results"][0]


def test_every_constraint_gets_a_verdict_with_its_evidence(client: TestClient) -> None:
    words = {"type": "length_constraints:number_words", "kwargs": {"num_words": 3, "relation": "less than"}}
    result = verify(client, "one two three four", [NO_COMMA, words])
    assert result["status"] == "ok"
    assert result["passed"] is False
    assert [c["passed"] for c in result["constraints"]] == [True, False]
    assert result["constraints"][1]["reason"] == "4 words, less than 3 wanted"


def test_order_is_kept_and_one_bad_sample_does_not_fail_its_neighbours(client: TestClient) -> None:
    samples = [
        {"id": "good", "prompt": "p", "response": "fine", "constraints": [NO_COMMA]},
        {"id": "bad", "prompt": "p", "response": "fine", "constraints": [{"type": "punctuation:no_such"}]},
        {"id": "violates", "prompt": "p", "response": "a, b", "constraints": [NO_COMMA]},
    ]
    results = client.post("/verify", json={"samples": samples}).json()["results"]
    assert [(r["id"], r["status"], r["passed"]) for r in results] == [
        ("good", "ok", True),
        ("bad", "invalid_input", None),
        ("violates", "ok", False),
    ]


def test_an_unknown_id_names_the_ids_that_exist(client: TestClient) -> None:
    result = verify(client, "x", [{"type": "punctuation:comma"}])
    assert result["status"] == "invalid_input"
    assert "punctuation:no_comma" in result["reason"]


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"num_words": 5}, {"num_words": "5", "relation": "at least"}, {"num_words": -1, "relation": "at least"},
     {"num_words": 5, "relation": "around"}, {"num_words": None, "relation": "at least"},
     {"num_words": 5, "relation": "at least", "extra": 1}, {"num_words": 1e300, "relation": "at least"}],
)  # fmt: skip
def test_wrong_kwargs_name_what_is_allowed(client: TestClient, kwargs: dict) -> None:
    result = verify(client, "x", [{"type": "length_constraints:number_words", "kwargs": kwargs}])
    assert result["status"] == "invalid_input"
    assert "num_words: integer, relation: 'less than' | 'at least'" in result["reason"]


def test_an_empty_response_violates(client: TestClient) -> None:
    assert verify(client, "  \n", [NO_COMMA])["passed"] is False


def test_no_constraints_is_nothing_to_violate(client: TestClient) -> None:
    assert verify(client, "x", [])["passed"] is True


def test_without_a_judge_what_needs_one_is_unverifiable_and_never_passed(client: TestClient) -> None:
    judged = {"type": "judge", "text": "sounds like autumn"}
    assert verify(client, "x", None)["status"] == "unverifiable"
    assert verify(client, "x", [judged, NO_COMMA])["status"] == "unverifiable"
    assert verify(client, "x", None)["passed"] is None


def test_a_certain_failure_decides_even_where_another_constraint_has_no_verdict(client: TestClient) -> None:
    result = verify(client, "a, b", [{"type": "judge", "text": "sounds like autumn"}, NO_COMMA])
    assert (result["status"], result["passed"]) == ("ok", False)


def test_loose_mode_drops_the_first_line(client: TestClient) -> None:
    end = {"type": "startend:quotation"}
    assert verify(client, 'Here it is:\n"quoted"', [end])["passed"] is False
    assert verify(client, 'Here it is:\n"quoted"', [end], mode="loose")["passed"] is True


def test_limits_name_the_field(client: TestClient) -> None:
    assert verify(client, "x" * 200_001, [NO_COMMA])["status"] == "too_long"
    assert verify(client, "x", [NO_COMMA] * 5)["status"] == "invalid_input"
    many = [{"id": str(i), "prompt": "p", "response": "r", "constraints": []} for i in range(9)]
    reply = client.post("/verify", json={"samples": many})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["path"] == "samples"


@pytest.mark.parametrize(
    "response", ["\x00", "\x00" * 1000, "a" * 100_000, "\u202e\u200b", "{" * 100_000, "[" * 100_000]
)
def test_strange_responses_get_a_verdict(client: TestClient, response: str) -> None:
    constraints = [{"type": "detectable_format:json_format"}, {"type": "detectable_format:title"}, NO_COMMA]
    assert verify(client, response, constraints)["status"] == "ok"


def test_a_lone_surrogate_is_answered_with_a_status_or_a_4xx(client: TestClient) -> None:
    body = b'{"samples": [{"id": "a", "prompt": "p", "response": "x\\ud800y", "constraints": [{"type": "punctuation:no_comma"}]}]}'
    reply = client.post("/verify", content=body, headers={"content-type": "application/json"})
    assert reply.status_code in (200, 422)


def test_info_lists_the_checkers_and_metrics_count_verdicts(client: TestClient) -> None:
    info = client.get("/v1/info").json()
    assert len([id for id in info["details"]["checkers"] if id]) >= 25
    verify(client, "a, b", [NO_COMMA])
    text = client.get("/metrics").text
    assert 'rlmr_verifier_verdicts_total{outcome="failed",source="rule",type="punctuation:no_comma"}' in text
    assert 'rlmr_verifier_samples_total{passed="false",status="ok"}' in text


def test_every_setting_is_documented() -> None:
    readme = (Path(__file__).parents[3] / "services" / "verifier" / "README.md").read_text(encoding="utf-8")
    for name, field in VerifierSettings.model_fields.items():
        assert field.description, name
        variable = f"RLMR_{name.upper()}" if name.startswith("api_key") else f"RLMR_VERIFIER_{name.upper()}"
        assert f"`{variable}`" in readme, f"{variable} is missing from services/verifier/README.md"
