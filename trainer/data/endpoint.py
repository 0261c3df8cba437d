"""A language model behind an OpenAI-compatible endpoint: one chat completion a call, tokens counted, failures repeated by rlmr/calls.py."""

import json
import os
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from rlmr.calls import AttemptFailed, CallFailed, Policy, Reply, call_async
from rlmr.httpx_transport import attempt_async
from rlmr.mistake import Mistake

BYTES_A_TOKEN = 64
"""Far more than any tokenizer makes of a token, so that only a reply without an end is cut off."""
POLICY = Policy(
    attempts=6, attempt_timeout=300.0, backoff=0.5, backoff_max=20.0, repeat_timeouts=True, repeat_unreadable=True
)


class EndpointError(Mistake):
    """The endpoint does not answer, or not as an OpenAI-compatible one; the message says what to do."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """It is there, and will not do this one request (too long a prompt, say)."""


@dataclass(frozen=True)
class Completion:
    text: str
    finished: bool
    """Ended by itself, not by `max_tokens`."""
    tokens: int
    """Of prompt and completion, as the server counts them; estimated from the bytes where it does not say."""
    written: int
    """Tokens of the completion alone, in the same way."""


class Endpoint:
    """Used as an async context manager. `key_env` names the environment variable that holds the key."""

    def __init__(self, url: str, model: str, key_env: str = "OPENAI_API_KEY", policy: Policy = POLICY) -> None:
        base = url.rstrip("/")
        self.url = base if base.endswith("/v1") else f"{base}/v1"
        self.model, self._policy = model, policy
        key = os.environ.get(key_env)
        self._client = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"} if key else {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def complete(
        self,
        messages: list[dict[str, str]],
        *,
        max_tokens: int,
        temperature: float,
        seed: int | None = None,
        **sampling: Any,
    ) -> Completion:
        """`sampling`: further fields of the request, such as top_p. Raises EndpointError once repeating cannot help or has not helped."""
        body = {
            "model": self.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
            **sampling,
        }
        if seed is not None:
            body["seed"] = seed
        content = json.dumps(body).encode()
        largest = 65536 + BYTES_A_TOKEN * max_tokens

        async def attempt(seconds: float) -> Completion:
            path = f"{self.url}/chat/completions"
            reply = await attempt_async(self._client, "POST", path, seconds, content, largest=largest)
            return _read(reply, len(content))

        try:
            return await call_async(attempt, self._policy)
        except CallFailed as exc:
            hint = {401: "; set the key", 403: "; set the key", 404: "; check the URL and the model's name"}
            raise EndpointError(
                f"{self.url}, model {self.model}: {exc}{hint.get(exc.failure.status or 0, '')}",
                refused=exc.failure.status in (400, 413, 422),
            ) from exc

    async def described(self) -> dict[str, Any] | None:
        """What the server's list of models says of ours (name, weights, limits); None where it has none."""

        async def attempt(seconds: float) -> Reply:
            return await attempt_async(self._client, "GET", f"{self.url}/models", seconds, largest=1e6)

        try:
            listed = json.loads((await call_async(attempt, Policy(attempts=1, attempt_timeout=10.0))).content)
            return next((dict(entry) for entry in listed["data"] if entry.get("id") == self.model), None)
        except (CallFailed, ValueError, KeyError, TypeError, AttributeError):
            return None


def _read(reply: Reply, sent: int) -> Completion:
    try:
        body = json.loads(reply.content)
        choice = body["choices"][0]
        text = choice["message"]["content"]
        if text is None and choice.get("finish_reason") == "length":
            text = ""  # a model that was cut off while it was thinking has said nothing
        if not isinstance(text, str):
            raise TypeError(f"choices[0].message.content is {type(text).__name__}")
        usage = body.get("usage") or {}
        counted, written = usage.get("total_tokens"), usage.get("completion_tokens")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as exc:
        raise AttemptFailed("unreadable", f"not a chat completion: {type(exc).__name__}: {exc}", reply) from exc
    bytes_written = len(text.encode())
    return Completion(
        text,
        choice.get("finish_reason") != "length",
        counted if isinstance(counted, int) and counted > 0 else (sent + bytes_written) // 3,
        written if isinstance(written, int) and written > 0 else bytes_written // 3,
    )
