"""Errors as replies: each is an ErrorReply that names the field, the limit and the remedy. Nothing is turned into a score."""

import math
from collections.abc import Sequence

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rlmr.wire import ErrorReply, FieldError

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """Raise anywhere in a route: becomes `status` with an ErrorReply body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.errors, self.headers = list(errors), headers or {}


class Overloaded(ApiError):
    """429 with Retry-After (whole seconds, at least 1)."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(429, "overloaded", message, headers={"Retry-After": str(max(1, math.ceil(retry_after)))})


def field_path(loc: Sequence[int | str]) -> str:
    """('body', 'samples', 3, 'prompt') -> 'samples[3].prompt'. Union branch names of pydantic are left as they are."""
    path = ""
    for part in loc[1:] if loc and loc[0] == "body" else loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def error_response(
    request_id: str,
    status: int,
    code: str,
    message: str,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    body = ErrorReply(code=code, message=message, errors=list(errors), request_id=request_id)
    # A lone surrogate quoted from the request must not break the reply that complains about it.
    content = orjson.dumps(body.model_dump(), default=str) if _encodable(body) else _encode_lossy(body)
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def _encodable(body: ErrorReply) -> bool:
    try:
        (body.message + "".join(e.path + e.message for e in body.errors)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_lossy(body: ErrorReply) -> bytes:
    def clean(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    errors = [FieldError(path=clean(e.path), message=clean(e.message)) for e in body.errors]
    return body.model_copy(update={"message": clean(body.message), "errors": errors}).model_dump_json().encode()


def request_id_of(request: Request) -> str:
    return str(request.scope.get("rlmr_request_id", ""))


def install_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, exc: ApiError) -> Response:
        return error_response(request_id_of(request), exc.status, exc.code, exc.message, exc.errors, exc.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, exc: RequestValidationError) -> Response:
        # The input itself is left out of the reply: it may be huge, secret, or not encodable.
        errors = [FieldError(path=field_path(e["loc"]), message=str(e["msg"])) for e in exc.errors()[:50]]
        first = f"{errors[0].path or 'body'}: {errors[0].message}" if errors else "invalid request"
        return error_response(request_id_of(request), 422, "invalid_request", first, errors)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, exc: HTTPException) -> Response:
        codes = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        code = codes.get(exc.status_code, "http_error")
        message = str(exc.detail)
        if exc.status_code == 400:  # what FastAPI says of a body that json.loads refuses in an unusual way
            message = "the body is not JSON that can be read: not UTF-8, nested too deeply, or a number of thousands of digits"
        return error_response(request_id_of(request), exc.status_code, code, message, headers=dict(exc.headers or {}))

    @app.exception_handler(Exception)
    async def on_bug(request: Request, exc: Exception) -> Response:
        log.error("unhandled_exception", path=request.url.path, request_id=request_id_of(request), exc_info=exc)
        # Sent from outside the service layer, which marks every other reply.
        headers = {"X-Request-ID": request_id_of(request)}
        message = "unexpected error; the log has the details"
        return error_response(request_id_of(request), 500, "internal_error", message, headers=headers)
