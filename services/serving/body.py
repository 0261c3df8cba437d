"""A request's body on its way to a wire type: what it may cost is known before anything is built from it.

Parsing costs memory by the value, not by the byte: `{}` is three bytes on the wire and some five hundred as an object, an error about
it two thousand. So values are counted while the body arrives, a list of items is given up at its first bad one (rlmr/wire/base.py),
and of an object's errors only so many are told.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from rlmr.wire import FieldError
from services.serving.disconnect import ClientLeft
from services.serving.errors import ApiError, field_path

MOST_ERRORS = 50
_BYTES_PER_VALUE = 16
"""So many bytes outside strings count as one value more: blanks, and numbers of thousands of digits, which are slow to parse. So do
those of a key that is longer than a chunk."""

_LENIENT_BYTES = 4 * 2**20
"""Largest body that is read a second time, by a parser that takes four times the memory and time."""


class ValueCount:
    """Counts the values of a JSON text that comes in chunks: commas and brackets outside strings, and what else is long there.

    Exact for JSON in UTF-8. Of anything else the part before the mistake is counted, and no parser comes further.
    """

    def __init__(self) -> None:
        self.values = 0
        self._in_string = False
        self._begun = 0  # bytes of a string that earlier chunks brought
        self._cut = b""

    def add(self, chunk: bytes) -> None:
        text = (self._cut + chunk).replace(b"\\\\", b"")
        self._cut = b"\\" if text.endswith(b"\\") else b""  # an escape that the chunk's end cuts in two
        parts = text.replace(b'\\"', b"").split(b'"')
        if self._in_string and len(parts) > 1 and parts[1].lstrip().startswith(b":"):
            self.values += (self._begun + len(parts[0])) // _BYTES_PER_VALUE
        whole = self._in_string and len(parts) == 1
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        self._begun = len(parts[-1]) + (self._begun if whole else 0)
        self.values += sum(map(outside.count, (b",", b"{", b"["))) + len(outside) // _BYTES_PER_VALUE


class JsonRoute(APIRoute):
    """For endpoints `(body: WireModel, request: Request) -> Response`: bytes to wire type in one step, without FastAPI's detour over
    Python objects. What the route says in OpenAPI stays FastAPI's. Use as `APIRouter(route_class=JsonRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        if self.body_field is None:
            return super().get_route_handler()  # type: ignore[return-value]
        annotation: Any = self.body_field.field_info.annotation
        wire: TypeAdapter[Any] = TypeAdapter(annotation)
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            try:
                body = await _read(request)
            except ClientLeft:
                return Response(status_code=499)
            return await endpoint(body=_validated(wire, body), request=request)

        return handle


async def _read(request: Request) -> bytes | bytearray:
    """Raises ClientLeft, and what the service layer raises of a body over a limit."""
    chunks = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if not chunks:
                return chunk
            chunks += chunk
            return chunks
        chunks += chunk


def _validated(wire: TypeAdapter[Any], body: bytes | bytearray) -> Any:
    """Raises ApiError 422 naming the fields."""
    try:
        return wire.validate_json(body)
    except ValidationError as exc:
        if len(body) > _LENIENT_BYTES or not _not_json(exc):
            raise _refusal(exc) from None
    # Lone surrogates are JSON all the same, and the matter of one sample: the lenient parser lets them through.
    try:
        return wire.validate_python(json.loads(body.decode()))
    except ValidationError as exc:
        raise _refusal(exc) from None
    except (ValueError, RecursionError) as exc:
        why = f"the body is not JSON that can be read ({_cut_short(str(exc))}): not UTF-8, cut off, nested too deeply, or a number too long"
        raise ApiError(422, "invalid_request", f"body: {why}", [FieldError(path="", message=why)]) from None


def _not_json(exc: ValidationError) -> bool:
    return exc.error_count() == 1 and _told(exc)[0]["type"] == "json_invalid"


def _told(exc: ValidationError) -> list[Any]:
    # The input itself is left out of the reply: it may be huge, secret, or not encodable.
    return exc.errors(include_url=False, include_context=False, include_input=False)


def _refusal(exc: ValidationError) -> ApiError:
    count = exc.error_count()
    if count > 20 * MOST_ERRORS:  # telling them apart would cost more than they did
        why = f"{count} errors in one object, most likely fields that do not exist: see the service's /openapi.json"
        return ApiError(422, "invalid_request", f"body: {why}", [FieldError(path="", message=why)])
    errors = [
        FieldError(path=field_path([_cut_short(p) for p in e["loc"]]), message=_cut_short(str(e["msg"])))
        for e in _told(exc)[:MOST_ERRORS]
    ]
    return ApiError(422, "invalid_request", f"{errors[0].path or 'body'}: {errors[0].message}", errors)


Part = TypeVar("Part", str, int)


def _cut_short(part: Part, most: int = 500) -> Part:
    """A field's name comes from the caller and may be megabytes long."""
    return part if isinstance(part, int) or len(part) <= most else f"{part[:most]}..."
