"""One pure ASGI layer round every service: request id, bearer key, body limit, metrics, access log."""

import hmac
import random
import re
import time
import uuid
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rlmr.wire import FieldError
from services.serving.body import ValueCount
from services.serving.errors import ApiError, error_response
from services.serving.logs import access_log
from services.serving.metrics import HttpMetrics
from services.serving.settings import ServiceSettings

# Probes and metrics are read by kubelet and Prometheus, which hold no key. They tell nothing about anyone's text.
OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/metrics/engine"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def _too_large(max_body: int) -> str:
    return f"body larger than {max_body} bytes: send fewer samples per request or raise MAX_BODY_BYTES"


def _too_many_values(most: int) -> ApiError:
    message = f"more than {most} JSON values in the body: send fewer samples or constraints per request or raise MAX_JSON_VALUES"
    error = FieldError(path="", message=message)
    return ApiError(422, "too_many_values", f"body: {message}", [error], headers={"Connection": "close"})


async def _discard_rest(receive: Receive, message: Message, most: int) -> None:
    """A refusal sent while the caller still sends reaches it as a reset connection, and it tries again. So what it sends is taken
    off the line first: all, or `most` bytes of it."""
    while most > 0 and message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()
        most -= len(message.get("body", b""))


class ServiceLayer:
    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: HttpMetrics, routes: frozenset[str]) -> None:
        self.app, self.metrics, self.routes = app, metrics, routes
        self.max_body, self.max_values = settings.max_body_bytes, settings.max_json_values
        self.max_concurrency, self.at_work = settings.max_concurrency, 0
        self.counted: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self.reconnect_share = 1 / settings.reconnect_every if settings.reconnect_every else 0.0
        self.keys = settings.keys()
        self.by_key = {name: metrics.requests_by_key.labels(name) for name in self.keys}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["rlmr_request_id"] = request_id
        path: str = scope["path"]
        # Unknown paths share one label: a scanner must not blow up the number of series.
        route = path if path in self.routes else "other"
        started, code = time.perf_counter(), 500

        async def send_marked(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                # Sends keep-alive clients to another pod: all of them while draining, one now and then otherwise.
                if scope["app"].state.draining or random.random() < self.reconnect_share:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        with self.metrics.in_flight.track_inprogress():
            key = self._key_of(headers)
            scope["rlmr_stranger"] = bool(self.keys) and key is None
            refusal = self._refuse(headers, path, request_id, stranger=scope["rlmr_stranger"])
            try:
                if refusal is not None:
                    await _discard_rest(receive, {"type": "http.request", "more_body": True}, most=self.max_body)
                    await refusal(scope, receive, send_marked)
                elif path in OPEN_PATHS:
                    await self.app(scope, receive, send_marked)
                else:
                    await self._counted(scope, receive, send_marked, request_id)
            finally:
                seconds = time.perf_counter() - started
                self._count(route, scope["method"], code, seconds)
                if path not in OPEN_PATHS:
                    if key is not None:
                        self.by_key[key].inc()
                    access_log(
                        method=scope["method"],
                        path=path,
                        code=code,
                        ms=round(seconds * 1e3, 2),
                        request_id=request_id,
                        **({"key": key} if key is not None else {}),
                    )

    def _count(self, route: str, method: str, code: int, seconds: float) -> None:
        """A series is looked up once: labels() takes a lock and builds strings."""
        counted = self.counted.get((route, method, code))
        if counted is None:
            requests, times = self.metrics.requests.labels(route, method, str(code)), self.metrics.seconds.labels(route)
            counted = self.counted[route, method, code] = requests.inc, times.observe
        inc, observe = counted
        inc()
        observe(seconds)

    def _key_of(self, headers: dict[bytes, bytes]) -> str | None:
        """The name of the key that the caller sent; None without a valid one. Takes the same time whichever key it is."""
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        same = [name for name, key in self.keys.items() if hmac.compare_digest(given.strip(), key)]
        return same[0] if same else None

    def _refuse(self, headers: dict[bytes, bytes], path: str, request_id: str, stranger: bool) -> ASGIApp | None:
        if stranger and path not in OPEN_PATHS:
            message = "missing or wrong key: send `Authorization: Bearer <RLMR_API_KEY>`"
            return error_response(request_id, 401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_body:
            return error_response(
                request_id, 413, "too_large", _too_large(self.max_body), headers={"Connection": "close"}
            )
        return None

    async def _counted(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """Refuses requests over the concurrency limit before their bodies are read, and bodies over the size limit, or with too
        many JSON values, as they arrive: Content-Length may be absent (chunked) or a lie."""
        if self.at_work >= self.max_concurrency:
            message = f"{self.at_work} requests are being worked on, the limit: come back later or add replicas"
            await error_response(request_id, 429, "overloaded", message, headers={"Retry-After": "1"})(
                scope, receive, send
            )
            return
        seen, start, count = 0, [], None  # type: int, list[bytes], ValueCount | None

        async def limited() -> Message:
            nonlocal seen, count
            message = await receive()
            if message["type"] != "http.request":
                return message
            chunk: bytes = message.get("body", b"")
            seen += len(chunk)
            if seen > self.max_body:
                await _discard_rest(receive, message, most=self.max_body)
                raise ApiError(413, "too_large", _too_large(self.max_body), headers={"Connection": "close"})
            # A value takes a byte at least: nothing to count in a body of a few kilobytes.
            if seen <= self.max_values:
                start.append(chunk)
                return message
            if count is None:
                count, chunk = ValueCount(), b"".join([*start, chunk])
                start.clear()
            count.add(chunk)
            if count.values > self.max_values:
                await _discard_rest(receive, message, most=self.max_body)
                raise _too_many_values(self.max_values)
            return message

        self.at_work += 1
        try:
            await self.app(scope, limited, send)
        finally:
            self.at_work -= 1
