"""Until when one request is worked on."""

import time


class Deadline:
    """Read by the request's task on the event loop and by the threads that check for it."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: from now, the arrival of the request."""
        self.seconds, self._end = seconds, time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def give_up(self) -> None:
        """The caller has left: whoever looks at this next stops."""
        self._end = float("-inf")

    def __str__(self) -> str:
        return f"within the {self.seconds:g} s of the request"
