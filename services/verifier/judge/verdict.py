"""What the judge may answer, and how it is read. Anything else is a JudgeFailure: neither a pass nor a violation."""

import json
import math
from typing import Any

from rlmr.wire import Status
from services.verifier.judge.endpoint import JudgeFailure

VERDICT_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "maxLength": 300},
                "verdict": {"type": "string", "enum": ["met", "violated"]},
            },
            "required": ["reason", "verdict"],
            "additionalProperties": False,
        },
    },
}
"""No numbers, no free form, reason before verdict. The same for every call, so that an engine compiles its grammar once."""

_MIN_ANSWER_MASS = 0.1


def read_object(choice: dict[str, Any]) -> dict[str, Any]:
    """The whole message must be one JSON object: an object that merely occurs in it may be the response's."""
    if choice["finish_reason"] != "stop":
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: stopped early (finish_reason {choice['finish_reason']!r})")
    try:
        # Not strict: engines' grammars let a model write a raw tab or other control character inside a string.
        value = json.loads(choice["text"], object_pairs_hook=_without_repeats, strict=False)
    except (ValueError, RecursionError) as exc:
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the answer is not a JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def read_verdict(choice: dict[str, Any]) -> tuple[bool, str]:
    """(passed, reason)."""
    value = read_object(choice)
    if set(value) != {"reason", "verdict"} or not isinstance(value["reason"], str):
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the answer has not exactly a reason and a verdict")
    if value["verdict"] not in ("met", "violated"):
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the verdict is neither met nor violated")
    reason = " ".join(value["reason"].split())[:300].encode("utf-8", "backslashreplace").decode()
    return value["verdict"] == "met", reason or "no reason given"


def read_yes_no(choice: dict[str, Any], threshold: float) -> tuple[bool, str]:
    """(passed, reason) from the log-probabilities of the first token: P(yes) / (P(yes) + P(no)) against the threshold."""
    try:
        alternatives = choice["logprobs"]["content"][0]["top_logprobs"]
        weights = [(str(a["token"]).strip().casefold(), math.exp(float(a["logprob"]))) for a in alternatives]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as exc:
        raise JudgeFailure(Status.UNPARSEABLE, "judge: no log-probabilities of the first token") from exc
    yes = sum(weight for token, weight in weights if token == "yes")
    no = sum(weight for token, weight in weights if token == "no")
    if not (math.isfinite(yes + no) and yes + no >= _MIN_ANSWER_MASS):
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: yes and no have a probability of {yes + no:.3f} together")
    share = yes / (yes + no)
    return share >= threshold, f"probability of yes {share:.3f}, at least {threshold:g} wanted"
