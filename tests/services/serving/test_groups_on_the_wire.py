"""Groups instead of samples: the same answers, the prompt once, and a prompt of 200,000 characters for 64 responses."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from rlmr.client import AsyncRlmrClient, RlmrClient
from tests.service_process import ServiceProcess
from tests.services.serving.bodies import ROUTES
from tests.three_services import KEY, Services, wait_until_ready

NO_COMMA = {"type": "punctuation:no_comma", "kwargs": {}}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write."}]
GROUPS: list[dict[str, Any]] = [
    {"id": "g1", "prompt": "Sea?", "constraints": [NO_COMMA], "responses": ["Calm.", "Calm, it seemed.", "", "Calm."]},
    {"id": "g2", "prompt": CHAT, "constraints": [], "responses": ["Calm."]},
    {"id": "g3", "prompt": "Sea?", "constraints": [{"type": "no:such"}], "responses": ["Grey \ud800 sea", "Grey."]},
]
TWO_LISTS = ("writing_rm", "verifier")


def as_samples(groups: list[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{g['id']}.{i}", "response": response, **{field: g[field] for field in fields}}
        for g in groups
        for i, response in enumerate(g["responses"])
    ]


@pytest.mark.parametrize("name", TWO_LISTS)
def test_a_group_gets_the_answers_of_its_samples(services: Services, name: str) -> None:
    fields = ["prompt"] if name == "writing_rm" else ["prompt", "constraints"]
    with services.client(name) as http:
        single, together = (
            http.post(ROUTES[name], content=json.dumps(body), headers={"Content-Type": "application/json"}).json()
            for body in ({"samples": as_samples(GROUPS, *fields)}, {"groups": GROUPS})
        )
    assert [group["id"] for group in together["groups"]] == ["g1", "g2", "g3"]
    flat = [result for group in together["groups"] for result in group["results"]]
    expected = [{key: value for key, value in result.items() if key != "id"} for result in single["results"]]
    if name == "writing_rm":
        for number in ("score", "raw"):  # computed in another batch
            assert [r.pop(number) for r in flat] == pytest.approx([r.pop(number) for r in expected], abs=1e-3)
    assert flat == expected
    assert {result["status"] for result in flat} == {"ok", "invalid_input"}
    rest = {key: value for key, value in together.items() if key != "groups"}
    assert rest == {key: value for key, value in single.items() if key != "results"}


@pytest.mark.parametrize("name", TWO_LISTS)
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "samples"),
        ({"samples": None}, "samples"),
        ({"groups": [GROUPS[0]], "samples": [{**as_samples(GROUPS[:1], "prompt", "constraints")[0]}]}, "samples"),
        ({"groups": []}, "groups"),
        ({"groups": [GROUPS[0], GROUPS[0]]}, "groups"),
        ({"groups": [{**GROUPS[0], "responses": []}]}, "groups[0].responses"),
        ({"groups": [{**GROUPS[0], "responses": ["a", 3]}]}, "groups[0].responses[1]"),
        ({"groups": [{**GROUPS[0], "finished": [True]}]}, "groups[0].finished"),
        ({"groups": [{**GROUPS[0], "responses": ["a"] * 41}]}, "groups"),
    ],
)
def test_what_is_wrong_with_a_group_is_named(services: Services, name: str, body: dict, path: str) -> None:
    if name == "writing_rm" and body.get("samples"):
        body = {**body, "samples": [{k: v for k, v in body["samples"][0].items() if k != "constraints"}]}
    with services.client(name) as http:
        reply = http.post(ROUTES[name], json=body)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["path"] == path


async def test_the_public_clients_send_groups(services: Services) -> None:
    with RlmrClient(services.writing_rm.url, api_key=KEY) as client:
        scored = client.score_groups(GROUPS[:2])
    async with AsyncRlmrClient(services.verifier.url, api_key=KEY) as other:
        judged = await other.verify_groups(GROUPS[:2], mode="loose")
    assert [[r.status for r in g.results] for g in scored.groups] == [["ok", "ok", "invalid_input", "ok"], ["ok"]]
    assert [[r.passed for r in g.results] for g in judged.groups] == [[True, False, False, True], [True]]


def test_a_prompt_of_200_000_characters_for_64_responses(tiny_model_dir: Path) -> None:
    """Through all three with their own limits; n copies of the prompt were over 16 MiB, and the group `too_long`."""
    prompt = ("Ein Mädchen ging ans graue Meer… " * 6100)[:200_000]
    responses = [f"Es war still{',' * (i % 2)} {i}." for i in range(64)]
    assert 64 * len(prompt.encode()) > 12 * 2**20
    group = {"id": "g", "prompt": prompt, "constraints": [NO_COMMA], "responses": responses}
    with (
        ServiceProcess("writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(tiny_model_dir)}) as writing_rm,
        ServiceProcess("verifier", {}) as verifier,
        ServiceProcess(
            "aggregator",
            {
                "RLMR_AGGREGATOR_WRITING_RM_URL": writing_rm.url,
                "RLMR_AGGREGATOR_VERIFIER_URL": verifier.url,
                "RLMR_AGGREGATOR_ASK_ALL": "true",
            },
        ) as aggregator,
        httpx.Client(base_url=aggregator.url, timeout=120) as http,
    ):
        wait_until_ready(http)
        started = time.monotonic()
        reply = http.post("/reward", json={"groups": [group], "strategy": {"name": "verify_only"}})
        seconds = time.monotonic() - started
    assert reply.status_code == 200, reply.text
    (answer,) = reply.json()["groups"]
    assert answer["decision"] == "train"
    assert answer["violated"] == [bool(i % 2) for i in range(64)]
    # The tiny reward model reads 512 tokens: it says so itself, of each text.
    told = answer["diagnostics"]["samples"]
    assert all(s["score_status"] == "too_long" and "tokens, at most" in s["reasons"][0] for s in told)
    assert seconds < 60
