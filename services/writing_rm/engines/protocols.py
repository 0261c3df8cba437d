"""How sglang and vLLM are asked for raw scalars. Written against sglang 0.5.23 and vLLM 0.29.0; docs/writing-rm.md lists the traps."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Lost, Outcome


class EngineMisconfigured(Exception):
    """The engine runs with a setting under which its scores would be wrong; the message names the remedy."""


INFO_SECONDS = 60.0
"""Longest wait for what a server says of itself: it may be at work on a large batch."""


@dataclass(frozen=True)
class ServerInfo:
    identity: str
    max_tokens: int
    """Longest text it takes without truncating, refusing or blocking."""
    model: str = ""
    """What it says it serves; empty if it does not say."""


class EngineProtocol(Protocol):
    alive_path: str
    """Answers at once while the server works (sglang's /health runs a forward pass and takes a second)."""
    score_path: str

    def body(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Request for raw scalars: no softmax, no sigmoid, no truncation, no template of the engine's own."""

    def raws(self, reply: Any, count: int) -> list[Outcome]:
        """One outcome per text. Raises ValueError if the reply is not `count` scalars."""

    async def info(self, http: AiohttpTransport, url: str) -> ServerInfo:
        """Raises AttemptFailed, EngineMisconfigured, or what reading an unexpected answer raises."""


class Sglang:
    alive_path = "/ready"
    # Not /v1/classify: it applies a softmax, and of one logit that is always 1.0.
    score_path = "/classify"

    def body(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        return {"input_ids": [list(text) for text in ids]}

    def raws(self, reply: Any, count: int) -> list[Outcome]:
        if not isinstance(reply, list) or len(reply) != count:
            raise ValueError(f"expected a list of {count} results")
        return [_aborted(item) or _scalar(item.get("embedding")) for item in reply]

    async def info(self, http: AiohttpTransport, url: str) -> ServerInfo:
        told = json.loads((await http.get(url + "/server_info", INFO_SECONDS)).content)
        if told.get("allow_auto_truncate"):
            raise EngineMisconfigured(
                "it runs with --allow-auto-truncate, which cuts off the token the score is read at"
            )
        if not told.get("is_embedding"):
            raise EngineMisconfigured("it serves a generating model: start it with --is-embedding")
        states = told.get("internal_states") or [{}]
        # A text larger than the key-value pool, but within the context, would wait for room for ever and block all others.
        limits = [told.get("max_req_input_len"), told.get("context_length")]
        limits += [source.get("max_total_num_tokens") for source in (told, *states)]
        known = [int(limit) for limit in limits if limit]
        if not known:
            raise EngineMisconfigured("/server_info names no length limit (a version other than 0.5.23?)")
        identity = f"sglang {told.get('version', '?')} {told.get('dtype', '?')} {told.get('device') or ''}".strip()
        return ServerInfo(identity, min(known) - 1, str(told.get("served_model_name") or told.get("model_path") or ""))


class Vllm:
    alive_path = "/health"
    score_path = "/classify"

    def body(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        # Without use_activation=false the answer is a sigmoid of the score.
        return {"input": [list(text) for text in ids], "use_activation": False}

    def raws(self, reply: Any, count: int) -> list[Outcome]:
        data = reply.get("data") if isinstance(reply, dict) else None
        if not isinstance(data, list) or sorted(item["index"] for item in data) != list(range(count)):
            raise ValueError(f"expected {count} indexed results")
        return [_scalar(item.get("probs")) for item in sorted(data, key=lambda item: item["index"])]

    async def info(self, http: AiohttpTransport, url: str) -> ServerInfo:
        model = json.loads((await http.get(url + "/v1/models", INFO_SECONDS)).content)["data"][0]
        version = json.loads((await http.get(url + "/version", INFO_SECONDS)).content)["version"]
        return ServerInfo(f"vllm {version}", int(model["max_model_len"]), str(model.get("id") or ""))


PROTOCOLS: dict[str, type[EngineProtocol]] = {"sglang": Sglang, "vllm": Vllm}


def _aborted(item: dict[str, Any]) -> Failure | None:
    """sglang may answer 200 for a text it gave up on, with numbers that mean nothing."""
    reason = (item.get("meta_info") or {}).get("finish_reason") or {}
    if isinstance(reason, dict) and reason.get("type") == "abort":
        return Lost(Status.UNAVAILABLE, f"the engine aborted this text: {reason.get('message', 'no reason given')}")
    return None


def _scalar(values: Any) -> Outcome:
    """A list of one finite number, and nothing else, is a score."""
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], int | float):
        shape = f"{len(values)} numbers" if isinstance(values, list) else type(values).__name__
        return Failure(Status.UNPARSEABLE, f"the engine answered {shape} instead of one score: not a reward model?")
    if not math.isfinite(values[0]):
        return Failure(Status.UNPARSEABLE, f"the engine answered {values[0]}")
    return float(values[0])
