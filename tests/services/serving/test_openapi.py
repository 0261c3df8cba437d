"""Schemathesis against the OpenAPI description of each running service: whatever it thinks up, no 5xx and a reply as described."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.services.serving.bodies import ROUTES
from tests.three_services import KEY, Services

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (pip install rlmr[dev])")

HEADERS = {"Authorization": f"Bearer {KEY}"}
EXAMPLES = 60


@pytest.mark.parametrize("name", ROUTES)
def test_no_request_gets_a_5xx(services: Services, name: str) -> None:
    schema = schemathesis.openapi.from_url(f"{getattr(services, name).url}/openapi.json", headers=HEADERS)
    asked: dict[str, int] = {}
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            reply = case.call(headers=HEADERS)
            asked[case.path] = asked.get(case.path, 0) + 1
            assert reply.status_code < 500, (case.as_curl_command(), reply.text)
            assert reply.status_code != 401
            if reply.status_code >= 400:
                assert reply.json()["code"]
                assert reply.json()["request_id"]

        call()
    assert {ROUTES[name], "/livez", "/readyz", "/metrics", "/v1/info"} <= set(asked)
    assert asked[ROUTES[name]] >= EXAMPLES / 2


@pytest.mark.parametrize("name", ROUTES)
def test_every_field_of_the_wire_is_described(services: Services, name: str) -> None:
    with services.client(name) as http:
        components = http.get("/openapi.json").json()["components"]["schemas"]
    missing = [
        f"{schema}.{field}"
        for schema, described in components.items()
        if not schema.startswith(("HTTPValidationError", "ValidationError"))
        for field, details in described.get("properties", {}).items()
        if "description" not in details
    ]
    assert missing == []
