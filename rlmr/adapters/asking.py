"""One POST /reward per group, asked again until its time is up (rlmr/calls.py). Many groups of a batch go side by side.

One request per group, not one for the whole batch: a group that is refused (an unknown constraint, say) then fails alone, and a
batch of any size stays under the services' limits per request.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx
from pydantic import ValidationError

from rlmr.adapters.groups import GroupAnswer
from rlmr.adapters.refusals import ends_the_run, may_be_had_later
from rlmr.adapters.settings import GroupUnavailable, Settings
from rlmr.calls import AttemptFailed, CallFailed, Policy, Reply, call_async
from rlmr.httpx_transport import attempt_async
from rlmr.wire.reward import RewardGroup, RewardReply, RewardRequest

Post = Callable[[float], Awaitable[Reply]]
"""One attempt at a group's POST /reward within so many seconds. Raises AttemptFailed."""


@dataclass(frozen=True)
class Asked:
    """How asking about one group ended."""

    reply: RewardReply | None
    """The last one that could be read, of one group; None: there was none."""
    failure: CallFailed | None
    """Why asking ended without a final answer; `reply` then says what was known so far."""
    attempts: int
    seconds: float


async def ask(post: Post, n: int, settings: Settings) -> Asked:
    """Asks about a group of n until it is answered or its time is up: patience is cheap beside a lost group. One that was dropped for want
    of an answer that may still come is asked about again. Raises WrongSettings at once for what no group could get past."""
    started, attempts, last, failed = time.monotonic(), 0, None, None

    async def attempt(seconds: float) -> None:
        nonlocal attempts, last
        attempts += 1
        last = _reply((await post(seconds)).content, n)
        group = last.groups[0]
        told = (status for s in group.diagnostics.samples for status in (s.score_status, s.verify_status))
        if may_be_had_later(group.reason, told):
            why = GroupAnswer.of(group).first_failure()
            raise AttemptFailed("unreadable", f"no reward yet ({group.reason}): {why}")

    policy = Policy(
        attempts=math.inf,
        deadline=settings.timeout,
        attempt_timeout=settings.attempt_timeout,
        repeat_timeouts=True,
        repeat_unreadable=True,
    )
    try:
        await call_async(attempt, policy)
    except CallFailed as exc:
        if (wrong := ends_the_run(exc.failure, settings.url)) is not None:
            raise wrong from exc
        failed = exc
    return Asked(last, failed, attempts, time.monotonic() - started)


class Aggregator:
    """One pool of connections, bound to the event loop it is first used in. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        key = settings.api_key
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=settings.parallel, max_keepalive_connections=settings.parallel),
        )
        self._slots = asyncio.Semaphore(settings.parallel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def rewards(self, groups: Sequence[RewardGroup]) -> list[GroupAnswer]:
        """Answers in the order of the groups. Raises GroupUnavailable with the first failure, if so set, when all have ended."""
        ended = await asyncio.gather(*(self.reward(group) for group in groups), return_exceptions=True)
        for answer in ended:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in ended if isinstance(answer, GroupAnswer)]

    async def reward(self, group: RewardGroup) -> GroupAnswer:
        """The answer for one group, asked as `ask` does. A failed call raises GroupUnavailable or becomes a dropped group, as set;
        never a number. Raises WrongSettings at once."""
        request = RewardRequest.model_validate({"groups": [group], **self.settings.with_each_request()})
        body, n = request.model_dump_json(exclude_unset=True).encode(), len(group.responses)
        async with self._slots:
            asked = await ask(
                lambda seconds: attempt_async(self._http, "POST", "/reward", seconds, body), n, self.settings
            )
        if asked.reply is not None:
            return GroupAnswer.of(asked.reply.groups[0])
        why = f"no reward for group {group.id!r} from {self.settings.url}/reward: {asked.failure}"
        if self.settings.on_failure == "raise":
            raise GroupUnavailable(
                f"{why}. `rlmr doctor` checks the services; on_failure='drop' goes on without the group"
            ) from asked.failure
        return GroupAnswer.unavailable(n, why)


def _reply(content: bytes, n: int) -> RewardReply:
    """Raises AttemptFailed for anything but one group of n."""
    try:
        # Unknown fields are let through: a newer service may say more.
        reply = RewardReply.model_validate_json(content, extra="ignore")
    except ValidationError as exc:
        raise AttemptFailed("unreadable", f"the reply is not a RewardReply: {exc}") from exc
    sizes = [{len(g.rewards), len(g.valid), len(g.writing), len(g.violated)} for g in reply.groups]
    if sizes != [{n}]:
        raise AttemptFailed("unreadable", f"the reply does not hold one group of {n}")
    return reply
