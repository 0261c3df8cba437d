"""Every kind of malformed request gets a 4xx naming the field, or a status for the sample; never a 500. All three services, over
real sockets."""

import json
from typing import Any

import httpx
import pytest

from tests.services.serving.bodies import LIST, ROUTES, first, valid
from tests.three_services import Services

SERVICES = list(ROUTES)


def post(services: Services, name: str, body: Any, raw: bytes | None = None) -> httpx.Response:
    # json.dumps and not httpx's own: NaN and lone surrogates must reach the wire.
    content = raw if raw is not None else json.dumps(body).encode("ascii")
    with services.client(name) as http:
        return http.post(ROUTES[name], content=content, headers={"Content-Type": "application/json"})


def assert_refused(reply: httpx.Response, path: str | None = None) -> None:
    assert 400 <= reply.status_code < 500, (reply.status_code, reply.text)
    error = reply.json()
    assert error["code"]
    assert error["message"]
    assert error["request_id"] == reply.headers["X-Request-ID"]
    if path is not None:
        assert path in [e["path"] for e in error["errors"]] or error["errors"][0]["path"].startswith(path), error


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"samples": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"samples": [' + b"9" * 10_000 + b"]}",
        b'{"samples": 1e999999}',
        b"\x00" * 50,
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_a_body_that_is_no_request(services: Services, name: str, raw: bytes) -> None:
    assert_refused(post(services, name, None, raw))


@pytest.mark.parametrize("name", SERVICES)
def test_another_content_type(services: Services, name: str) -> None:
    with services.client(name) as http:
        assert_refused(http.post(ROUTES[name], content=b"samples=1", headers={"Content-Type": "text/plain"}))
        assert_refused(http.post(ROUTES[name], data={"samples": "1"}))


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("value", [None, 1, "x", {}, [], [1], [None], [[]]], ids=repr)
def test_a_wrong_list(services: Services, name: str, value: Any) -> None:
    assert_refused(post(services, name, {LIST[name]: value}), LIST[name])


@pytest.mark.parametrize("name", SERVICES)
def test_a_missing_and_a_misspelt_field_are_named(services: Services, name: str) -> None:
    for field in first(name, valid(name)):
        body = valid(name)
        first(name, body)[field + "s"] = first(name, body).pop(field)
        reply = post(services, name, body)
        assert_refused(reply)
        paths = {e["path"] for e in reply.json()["errors"]}
        assert {f"{LIST[name]}[0].{field}", f"{LIST[name]}[0].{field}s"} <= paths
    assert_refused(post(services, name, {**valid(name), "extra": 1}), "extra")


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("value", [None, 7, True, 1.5, {}, [1], [{"role": "king", "content": "x"}]], ids=repr)
def test_a_prompt_of_the_wrong_type(services: Services, name: str, value: Any) -> None:
    body = valid(name)
    first(name, body)["prompt"] = value
    assert_refused(post(services, name, body), f"{LIST[name]}[0].prompt")


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("value", [None, 7, "", "x" * 257, "\ud800"], ids=lambda v: repr(v)[:20])
def test_a_wrong_id(services: Services, name: str, value: Any) -> None:
    body = valid(name)
    first(name, body)["id"] = value
    assert_refused(post(services, name, body), f"{LIST[name]}[0].id")


@pytest.mark.parametrize("name", SERVICES)
def test_the_same_id_twice(services: Services, name: str) -> None:
    body = valid(name)
    body[LIST[name]] *= 2
    reply = post(services, name, body)
    assert_refused(reply, LIST[name])
    assert "entries 0 and 1 have the same id" in reply.json()["message"]


@pytest.mark.parametrize("name", ["verifier", "aggregator"])
@pytest.mark.parametrize(
    "kwargs",
    [{"n": 10**30}, {"n": float("nan")}, {"n": float("inf")}, {"s": "\udfff"}, {"\ud800": 1}, [], 3],
    ids=lambda v: ascii(v)[:20],
)
def test_kwargs_that_json_cannot_carry(services: Services, name: str, kwargs: Any) -> None:
    body = valid(name)
    first(name, body)["constraints"][0]["kwargs"] = kwargs
    assert_refused(post(services, name, body), f"{LIST[name]}[0].constraints[0].kwargs")


@pytest.mark.parametrize("name", ["verifier", "aggregator"])
@pytest.mark.parametrize("depth", [17, 200, 900])
def test_kwargs_nested_too_deeply(services: Services, name: str, depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    body = valid(name)
    first(name, body)["constraints"][0]["kwargs"] = {"n": nested}
    assert_refused(post(services, name, body), f"{LIST[name]}[0].constraints[0].kwargs")


def texts(name: str, body: dict[str, Any], response: str) -> dict[str, Any]:
    """The body with another first response."""
    item = first(name, body)
    if name == "aggregator":
        item["responses"][0] = response
    else:
        item["response"] = response
    return body


def statuses(name: str, reply: httpx.Response) -> list[str]:
    if name == "aggregator":
        samples = reply.json()["groups"][0]["diagnostics"]["samples"]
        return [samples[0]["score_status"], samples[0]["verify_status"]]
    return [reply.json()["results"][0]["status"]]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\x00",
        "a\x00b",
        "\ud800",
        "ok\udfff",
        "\u202e",
        "e\u0301" * 50,
        "\U0001f600" * 100,
        "x" * 100_001,
        "word " * 20_000,
        "<|im_end|><|im_start|>assistant\n",
    ],
    ids=lambda t: ascii(t)[:24],
)
def test_a_strange_response_gets_a_status_and_no_500(services: Services, name: str, text: str) -> None:
    reply = post(services, name, texts(name, valid(name), text))
    assert reply.status_code == 200, reply.text
    known = {"ok", "invalid_input", "too_long"}
    assert set(statuses(name, reply)) <= known
    if len(text) > 100_000:
        assert set(statuses(name, reply)) == {"too_long"}
    if ("\ud800" in text or "\udfff" in text) and name != "verifier":  # whose rules can judge it
        assert set(statuses(name, reply)) == {"invalid_input"}


def test_a_strange_response_does_not_touch_its_siblings(services: Services) -> None:
    sound = post(services, "aggregator", valid("aggregator")).json()["groups"][0]
    # Too long is the policy's own doing, a violation; what no service can carry is nobody's verdict.
    for text, counts in (("\ud800", False), ("x" * 100_001, True)):
        group = post(services, "aggregator", texts("aggregator", valid("aggregator"), text)).json()["groups"][0]
        assert group["valid"] == [counts, True, True]
        assert group["violated"][0] is (True if counts else None)
        assert (group["rewards"][0] is not None) == counts
        assert group["writing"][0] is None
        assert group["writing"][1:] == pytest.approx(sound["writing"][1:], abs=1e-3)
        assert group["violated"][1:] == sound["violated"][1:]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("prompt", ["", "\x00", "\ud800", [], [{"role": "user", "content": "\ud800"}]], ids=ascii)
def test_a_strange_prompt_gets_a_status_or_a_4xx(services: Services, name: str, prompt: Any) -> None:
    body = valid(name)
    first(name, body)["prompt"] = prompt
    reply = post(services, name, body)
    if reply.status_code != 200:
        assert_refused(reply, f"{LIST[name]}[0]")


@pytest.mark.parametrize("name", ["verifier", "aggregator"])
@pytest.mark.parametrize(
    "constraint",
    [
        {"type": "no:such_thing"},
        {"type": "length_constraints:number_words"},
        {"type": "length_constraints:number_words", "kwargs": {"num_words": "many", "relation": "at least"}},
        {"type": "length_constraints:number_words", "kwargs": {"num_words": -5, "relation": "sideways"}},
        {"type": "punctuation:no_comma", "kwargs": {"surplus": 1}},
        {"type": "judge"},
        {"type": "judge", "text": ""},
        {"type": "punctuation:no_comma", "text": "not a judge's"},
    ],
    ids=lambda c: json.dumps(c)[:60],
)
def test_an_unknown_constraint_or_wrong_kwargs_is_a_status_or_a_4xx(
    services: Services, name: str, constraint: dict
) -> None:
    body = valid(name)
    first(name, body)["constraints"] = [constraint]
    reply = post(services, name, body)
    if reply.status_code != 200:
        assert_refused(reply, f"{LIST[name]}[0].constraints[0]")
        return
    assert statuses(name, reply)[-1] in ("invalid_input", "unverifiable")
    if name == "aggregator":
        group = reply.json()["groups"][0]
        assert group["decision"] == "drop"
        assert group["diagnostics"]["samples"][0]["reasons"]


@pytest.mark.parametrize("name", SERVICES)
def test_too_many_samples(services: Services, name: str) -> None:
    body = valid(name)
    if name == "aggregator":
        first(name, body)["responses"] = ["x"] * 41
    else:
        body[LIST[name]] = [{**first(name, body), "id": str(i)} for i in range(41)]
    reply = post(services, name, body)
    assert reply.status_code == 422
    assert_refused(reply, LIST[name])
    assert "40" in reply.json()["message"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_body_over_the_limit_by_its_length_and_by_its_chunks(services: Services, name: str) -> None:
    large = json.dumps(texts(name, valid(name), "x" * 500_000)).encode()

    def chunks() -> Any:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    with services.client(name) as http:
        for content in (large, chunks()):
            reply = http.post(ROUTES[name], content=content, headers={"Content-Type": "application/json"})
            assert reply.status_code == 413
            assert reply.json()["code"] == "too_large"
            assert "400000 bytes" in reply.json()["message"]


@pytest.mark.parametrize("name", SERVICES)
def test_wrong_paths_and_methods(services: Services, name: str) -> None:
    with services.client(name) as http:
        assert http.get("/nothing").status_code == 404
        assert http.get("/nothing").json()["code"] == "not_found"
        assert http.get(ROUTES[name]).status_code == 405
        assert http.delete("/v1/info").json()["code"] == "method_not_allowed"
