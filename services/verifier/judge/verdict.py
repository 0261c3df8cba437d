"""What the judge may answer, and how it is read. Anything else is a JudgeFailure: neither a pass nor a violation."""

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from rlmr.wire import Status
from services.verifier.judge.endpoint import JudgeFailure

Answer = Literal["met", "violated", "not_applicable"]


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    answer: Answer
    reason: str

    @property
    def passed(self) -> bool:
        """A requirement whose condition does not occur asks for nothing, and is obeyed."""
        return self.answer != "violated"


_MIN_ANSWER_MASS = 0.1
YES = frozenset({"yes", "是"})
NO = frozenset({"no", "否", "不", "不是"})
"""Tokens. A model that was asked for 否 may begin with 不."""
_MAX_REASON = 300
"""Characters shown. The grammar sets no limit: one of xgrammar's refuses quotation marks in a string of limited length, and the
reason is asked to quote. JUDGE_MAX_TOKENS bounds it."""


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


def one_line(reason: str) -> str:
    return " ".join(reason.split())[:_MAX_REASON].encode("utf-8", "backslashreplace").decode() or "no reason given"


def read_yes_no(choice: dict[str, Any], threshold: float) -> JudgeVerdict:
    """From the log-probabilities of the first token: P(yes) / (P(yes) + P(no)) against the threshold."""
    try:
        alternatives = choice["logprobs"]["content"][0]["top_logprobs"]
        weights = [(str(a["token"]).strip().casefold(), math.exp(float(a["logprob"]))) for a in alternatives]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as exc:
        raise JudgeFailure(Status.UNPARSEABLE, "judge: no log-probabilities of the first token") from exc
    yes = sum(weight for token, weight in weights if token in YES)
    no = sum(weight for token, weight in weights if token in NO)
    if not (math.isfinite(yes + no) and yes + no >= _MIN_ANSWER_MASS):
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: yes and no have a probability of {yes + no:.3f} together")
    share = yes / (yes + no)
    reason = f"probability of yes {share:.3f}, at least {threshold:g} wanted"
    return JudgeVerdict("met" if share >= threshold else "violated", reason)
