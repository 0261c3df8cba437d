"""A valid body for each service's route, to be broken by the tests."""

import copy
from typing import Any

ROUTES = {"writing_rm": "/score", "verifier": "/verify", "aggregator": "/reward"}
LIST = {"writing_rm": "samples", "verifier": "samples", "aggregator": "groups"}

_SAMPLE = {"id": "s1", "prompt": "Write one sentence about the sea.", "response": "The sea was calm."}
_NO_COMMA = [{"type": "punctuation:no_comma", "kwargs": {}}]
_BODIES: dict[str, dict[str, Any]] = {
    "writing_rm": {"samples": [_SAMPLE]},
    "verifier": {"samples": [{**_SAMPLE, "constraints": _NO_COMMA}], "mode": "strict"},
    "aggregator": {
        "groups": [
            {
                "id": "g1",
                "prompt": "Write one sentence about the sea.",
                "constraints": _NO_COMMA,
                "responses": ["The sea was calm.", "The sea, it seemed, was calm.", "A grey sea."],
            }
        ]
    },
}


def valid(service: str) -> dict[str, Any]:
    return copy.deepcopy(_BODIES[service])


def first(service: str, body: dict[str, Any]) -> dict[str, Any]:
    """The first sample or group, for changing in place."""
    return body[LIST[service]][0]
