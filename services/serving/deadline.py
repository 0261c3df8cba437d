"""X-RLMR-Deadline: how long a caller waits for its answer, so that nobody works for one who no longer listens."""

import re

from starlette.requests import Request

from rlmr.calls import DEADLINE_HEADER as HEADER
from rlmr.wire import FieldError
from services.serving.errors import ApiError

_POSITIVE_DECIMAL = re.compile(r"(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,9})?")


def seconds_left(request: Request) -> float | None:
    """Seconds that the caller still waits, counted from now; None where it does not say, and the service's own limit holds.

    Raises ApiError 422 where the header is not one positive decimal number, such as `30` or `2.5`.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or not _POSITIVE_DECIMAL.fullmatch(given[0].strip()):
        shown = ", ".join(given)[:100]
        message = (
            f"{HEADER}: {shown!r}: send one positive decimal number, the seconds left, such as 2.5, or leave it out"
        )
        raise ApiError(422, "invalid_request", message, [FieldError(path=HEADER, message=message)])
    return float(given[0])
