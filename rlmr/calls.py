"""The one layer for HTTP calls: what may be repeated, after how long, and how long a call may take as a whole.

A *call* is what somebody wants to know; an *attempt* is one HTTP exchange for it. `call`, `call_async` and `call_any` make attempts
until one succeeds, or until the policy says that no further one can help or is allowed. The attempt itself is a function of the
seconds it may take: one of a transport (httpx_transport.py, aiohttp_transport.py) or any other that raises AttemptFailed.

Every call of RLMR is safe to repeat, since its services hold no state. So the policy asks what a repeat can mend, not what it
could break. An attempt that ends in anything but AttemptFailed ends the call with it, cancellation included.
"""

import asyncio
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Kind = Literal["no_connection", "stale", "lost", "timeout", "status", "unreadable"]
"""How an attempt failed:

no_connection  nothing was sent
stale          a kept-alive connection turned out to be closed by the other side: most likely nothing was received
lost           the connection ended before the whole reply was there
timeout        the connection stood, and the reply did not come in time: the other side may be at work on it still
status         a reply with an HTTP status other than 200
unreadable     a reply that is not what the caller asked for
"""


DEADLINE_HEADER = "X-RLMR-Deadline"
"""Seconds that the caller still waits. All services honour it, and pass on what is left."""


def backoff(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after so many failures (from 0): doubling from `first` to `longest`, less up to a half at random."""
    return min(first * 2.0 ** min(failures, 60), longest) * random.uniform(0.5, 1.0)


def deadline_header(seconds: float) -> dict[str, str]:
    """For an attempt of so many seconds; a little less (5 %, at most 2 s), so that what is done by then still arrives in time."""
    if math.isinf(seconds):
        return {}
    return {DEADLINE_HEADER: f"{max(0.001, seconds - min(0.05 * seconds, 2.0)):.3f}"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class AttemptFailed(Exception):
    def __init__(self, kind: Kind, reason: str, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason, self.reply = reason, reply

    @property
    def status(self) -> int | None:
        return self.reply.status if self.reply else None

    @property
    def outline(self) -> str:
        """The reason without what the other side wrote, for readers who are not to see it."""
        return f"HTTP {self.status}" if self.kind == "status" else self.reason

    @property
    def retry_after(self) -> float | None:
        """Seconds the other side asks us to wait; None if it does not ask."""
        return seconds_of(self.reply.headers.get("Retry-After")) if self.reply and self.kind == "status" else None


def checked(reply: Reply) -> Reply:
    """The reply if it is HTTP 200. Raises AttemptFailed with the beginning of what it says."""
    if reply.status != 200:
        raise AttemptFailed("status", f"HTTP {reply.status}: {reply.text[:300]}", reply)
    return reply


class CallFailed(Exception):
    """No attempt succeeded, and no further one is allowed. `failure` is that of the last one."""

    def __init__(self, failure: AttemptFailed, attempts: int) -> None:
        super().__init__(f"{failure.reason} ({attempts} attempt{'' if attempts == 1 else 's'})")
        self.failure, self.attempts = failure, attempts

    @property
    def outline(self) -> str:
        return f"{self.failure.outline} ({self.attempts} attempt{'' if self.attempts == 1 else 's'})"


@dataclass(frozen=True, slots=True)
class Policy:
    attempts: float = 5
    """Most attempts of a call, math.inf = as many as fit in the deadline. Two kinds do not count: the one free repeat after a stale connection, and, inside a finite
    `deadline`, attempts answered with Retry-After (overloaded or starting, not broken). 1 = never repeat, whatever the answer."""
    deadline: float = math.inf
    """Seconds for the whole call, waits included."""
    attempt_timeout: float = math.inf
    """Seconds for one attempt."""
    backoff: float = 0.25
    """First wait in seconds; doubles with each failure. Half of a wait is random: callers that failed together must not come
    back together. A Retry-After is added to it."""
    backoff_max: float = 10.0
    """Longest wait in seconds, Retry-After aside."""
    retry_after_max: float = 60.0
    """Longest Retry-After that is believed, in seconds."""
    repeat_timeouts: bool = False
    """Whether an attempt that timed out is repeated: the other side then may do the work twice."""
    repeat_unreadable: bool = False
    """Whether a reply that cannot be read is asked for again: a proxy may have cut it, or the other side may always say so."""

    def repeats(self, failure: AttemptFailed) -> bool:
        """Whether another attempt can help. Of the statuses: 408, 429 and 5xx; any other is an answer."""
        if failure.kind == "timeout":
            return self.repeat_timeouts
        if failure.kind == "unreadable":
            return self.repeat_unreadable
        if failure.kind == "status":
            return failure.status in (408, 429) or (failure.status or 0) >= 500
        return True


class _Course:
    """How far one call has come under its policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.end = policy, time.monotonic() + policy.deadline
        self.attempts = self._counted = 0
        self._had_stale = False

    def seconds(self) -> float:
        """What the next attempt may take."""
        self.attempts += 1
        return max(0.001, min(self.policy.attempt_timeout, self.end - time.monotonic()))

    def pause(self, failure: AttemptFailed, elsewhere: bool = False) -> float:
        """Seconds to wait before the next attempt. `elsewhere`: it goes to an endpoint that has not failed yet, so at once.

        Raises CallFailed if there is to be none."""
        policy = self.policy
        if not policy.repeats(failure):
            raise CallFailed(failure, self.attempts) from failure
        if failure.kind == "stale" and not self._had_stale and policy.attempts > 1:
            self._had_stale = True
            return 0.0
        asked = failure.retry_after
        wait = (
            0.0
            if elsewhere
            else backoff(self._counted, policy.backoff, policy.backoff_max) + min(asked or 0.0, policy.retry_after_max)
        )
        self._counted += asked is None or policy.attempts == 1 or math.isinf(policy.deadline)
        if self._counted >= policy.attempts or time.monotonic() + wait >= self.end:
            raise CallFailed(failure, self.attempts) from failure
        return wait


OnRetry = Callable[[AttemptFailed, float], None]
"""Told of a failure that will be repeated, and of the seconds until then."""


def _silent(failure: AttemptFailed, wait: float) -> None:
    pass


def call(attempt: Callable[[float], T], policy: Policy, on_retry: OnRetry = _silent) -> T:
    """Blocks. `attempt`: one exchange within the given seconds. Raises CallFailed."""
    course = _Course(policy)
    while True:
        try:
            return attempt(course.seconds())
        except AttemptFailed as failure:
            wait = course.pause(failure)
            on_retry(failure, wait)
            time.sleep(wait)


async def call_async(attempt: Callable[[float], Awaitable[T]], policy: Policy, on_retry: OnRetry = _silent) -> T:
    """As `call`. Cancelling it ends the attempt under way."""
    course = _Course(policy)
    while True:
        try:
            return await attempt(course.seconds())
        except AttemptFailed as failure:
            wait = course.pause(failure)
            on_retry(failure, wait)
            await asyncio.sleep(wait)


@dataclass(eq=False)
class Endpoint:
    """One of several addresses that answer alike."""

    url: str
    outstanding: int = 0
    """Units of work it has been given and not answered."""
    problem: str | None = None
    """Why it is not asked now."""
    back_at: float = field(default=-math.inf, repr=False)
    """Monotonic time from which it is asked again; infinite = not before `restore`."""

    @property
    def usable(self) -> bool:
        return self.problem is None or time.monotonic() >= self.back_at

    def eject(self, problem: str, seconds: float = math.inf) -> None:
        self.problem, self.back_at = problem, time.monotonic() + seconds

    def restore(self) -> None:
        self.problem, self.back_at = None, -math.inf

    def failed(self, failure: AttemptFailed) -> None:
        """A broken endpoint rests for five seconds. One that is overloaded (429, 503) or refuses this request does not."""
        broken = failure.kind in ("no_connection", "lost", "timeout")
        if broken or (failure.status is not None and failure.status >= 500 and failure.status != 503):
            self.eject(failure.reason, 5.0)

    def succeeded(self) -> None:
        self.restore()


E = TypeVar("E", bound=Endpoint)


class Endpoints(Generic[E]):
    """Chooses among endpoints. `load_factor`: how many times its fair share of work an endpoint may hold before a key goes
    elsewhere, away from what that endpoint has cached for it."""

    def __init__(self, endpoints: Sequence[E], load_factor: float = 1.5) -> None:
        self.all, self.load_factor = list(endpoints), load_factor

    def choose(self, key: bytes | None = None, tried: Collection[E] = ()) -> E | None:
        """The endpoint for the next attempt, one that was not tried yet if possible; None if none is usable.

        Without a key: least outstanding work. With one: rendezvous hashing with bounded load, so that the same key meets the
        same endpoint while that one is not overloaded, whichever others come and go.
        """
        usable = [e for e in self.all if e.usable]
        fresh = [e for e in usable if e not in tried] or usable
        if not fresh:
            return None
        if key is None:
            return min(fresh, key=lambda e: (e.outstanding, random.random()))
        ranked = sorted(fresh, key=lambda e: blake2b(key, key=e.url.encode()[:64], digest_size=8).digest())
        bound = self.load_factor * (sum(e.outstanding for e in fresh) + 1) / len(fresh)
        return next((e for e in ranked if e.outstanding <= bound), ranked[0])


async def call_any(
    attempt: Callable[[E, float], Awaitable[T]],
    policy: Policy,
    endpoints: Endpoints[E],
    *,
    key: bytes | None = None,
    work: int = 1,
    on_retry: OnRetry = _silent,
) -> T:
    """As `call_async`, each attempt at the endpoint that is best placed for it; `work`: units it adds there."""
    course, tried = _Course(policy), set[E]()
    while True:
        seconds, endpoint = course.seconds(), endpoints.choose(key, tried)
        try:
            if endpoint is None:
                why = "; ".join(e.problem for e in endpoints.all if e.problem) or "no endpoint is configured"
                raise AttemptFailed("no_connection", why)
            endpoint.outstanding += work
            try:
                result = await attempt(endpoint, seconds)
            finally:
                endpoint.outstanding -= work
        except AttemptFailed as failure:
            if endpoint is not None and failure.kind != "stale":
                tried.add(endpoint)
                endpoint.failed(failure)
            wait = course.pause(failure, elsewhere=any(e.usable and e not in tried for e in endpoints.all))
            on_retry(failure, wait)
            await asyncio.sleep(wait)
        else:
            endpoint.succeeded()
            return result


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After in seconds: a number or an HTTP date (RFC 9110, 10.2.3); None where absent or unreadable."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", retry_after):
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
