"""Errors are replies that can be traced, and logs are one JSON object a line."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from rlmr.wire import FieldError
from services.serving import ApiError, Overloaded, Readiness, ServiceSettings, create_app
from services.serving.errors import field_path
from services.serving.logs import configure_logs
from services.serving.metrics import HttpMetrics


@pytest.fixture
def http() -> Iterator[TestClient]:
    router = APIRouter()

    @router.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("the details belong into the log")

    @router.get("/refused")
    async def refused() -> None:
        raise ApiError(422, "why", "because \ud800", [FieldError(path="a[0].\ud800", message="b")])

    @router.get("/busy")
    async def busy() -> None:
        raise Overloaded("queue full", retry_after=0.2)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    async def readiness() -> Readiness:
        return Readiness(False, ["not today"])

    app = create_app(
        service="test",
        title="test",
        settings=ServiceSettings(),
        router=router,
        readiness=readiness,
        details=dict,
        metrics=HttpMetrics.create("test"),
        lifespan=lifespan,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_bug_is_a_500_with_a_request_id_and_without_its_details(http: TestClient) -> None:
    reply = http.get("/bug", headers={"X-Request-ID": "find-me"})
    assert reply.status_code == 500
    assert reply.headers["X-Request-ID"] == reply.json()["request_id"] == "find-me"
    assert reply.json()["code"] == "internal_error"
    assert "details belong" not in reply.text
    assert 'code="500"' in http.get("/metrics").text


def test_a_refusal_that_quotes_what_cannot_be_encoded_is_still_a_reply(http: TestClient) -> None:
    reply = http.get("/refused")
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["path"].startswith("a[0].")


def test_overload_says_when_to_come_back_in_whole_seconds(http: TestClient) -> None:
    reply = http.get("/busy")
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")


def test_not_ready_says_why(http: TestClient) -> None:
    reply = http.get("/readyz")
    assert (reply.status_code, reply.json()) == (503, {"ready": False, "reasons": ["not today"]})
    assert "rlmr_ready 0.0" in http.get("/metrics").text


def test_paths_of_fields() -> None:
    assert field_path(("body", "samples", 3, "prompt")) == "samples[3].prompt"
    assert field_path(("query", "x")) == "query.x"
    assert field_path(()) == ""


def test_log_lines_are_json_whatever_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logs("info", "json")
        log = structlog.get_logger("test")
        log.info("plain", number=1, words="é")
        log.info("strange", lone="\ud800", huge=10**30, thing=object())
        logging.getLogger("uvicorn.error").info("from %s", "a library")
        try:
            raise ValueError("boom\nwith a second line")
        except ValueError:
            log.exception("failed")
        log.debug("not at this level")
    finally:
        logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
        structlog.reset_defaults()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["plain", "strange", "from a library", "failed"]
    assert "boom" in lines[3]["exception"]
    assert all({"level", "logger", "timestamp"} <= set(line) for line in lines)
