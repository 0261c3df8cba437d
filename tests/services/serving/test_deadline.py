"""The header that says how long a caller waits."""

import pytest
from starlette.requests import Request

from services.serving import ApiError
from services.serving.deadline import seconds_left


def request(*values: str) -> Request:
    headers = [(b"x-rlmr-deadline", value.encode("latin-1")) for value in values]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(("value", "seconds"), [("30", 30.0), ("2.5", 2.5), (" 0.001 ", 0.001), ("007", 7.0)])
def test_it_is_a_positive_decimal_number_of_seconds(value: str, seconds: float) -> None:
    assert seconds_left(request(value)) == seconds


def test_a_caller_that_does_not_say_has_no_limit_of_its_own() -> None:
    assert seconds_left(request()) is None


@pytest.mark.parametrize(
    "value", ["", "0", "0.0", "-1", "+1", "1e3", "inf", "nan", "1,5", "1.", ".5", "5 s", "٣", "1" * 5000]
)
def test_anything_else_is_refused_with_the_name_of_the_header_and_the_remedy(value: str) -> None:
    given = value.encode("utf-8").decode("latin-1")
    with pytest.raises(ApiError, match="X-RLMR-Deadline") as refused:
        seconds_left(request(given))
    assert (refused.value.status, refused.value.errors[0].path) == (422, "X-RLMR-Deadline")
    assert "such as 2.5" in refused.value.message
    assert len(refused.value.message) < 400


def test_two_of_them_are_no_answer() -> None:
    with pytest.raises(ApiError, match="X-RLMR-Deadline"):
        seconds_left(request("1", "2"))
