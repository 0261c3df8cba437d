"""One POST /reward per group, asked again until its time is up (rlmr/calls.py). Many groups of a batch go side by side.

One request per group, not one for the whole batch: a group that is refused (an unknown constraint, say) then fails alone, and a
batch of any size stays under the services' limits per request.
"""

import asyncio
import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from rlmr.adapters.groups import GroupAnswer
from rlmr.adapters.refusals import ends_the_run, may_be_had_later
from rlmr.adapters.settings import GroupUnavailable, Settings
from rlmr.calls import AttemptFailed, CallFailed, Policy, call_async
from rlmr.httpx_transport import attempt_async
from rlmr.wire.reward import RewardGroup, RewardReply, RewardRequest


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
        # As the OpenRLHF agent asks: patience is cheap beside a lost group.
        self._policy = Policy(
            attempts=math.inf,
            deadline=settings.timeout,
            attempt_timeout=settings.attempt_timeout,
            repeat_timeouts=True,
            repeat_unreadable=True,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    def _with_each_request(self) -> dict[str, Any]:
        given = {"strategy": self.settings.strategy, "filter": self.settings.filter, "expect": self.settings.expect}
        return {name: value for name, value in given.items() if value is not None}

    async def rewards(self, groups: Sequence[RewardGroup]) -> list[GroupAnswer]:
        """Answers in the order of the groups. Raises GroupUnavailable with the first failure, if so set, when all have ended."""
        ended = await asyncio.gather(*(self.reward(group) for group in groups), return_exceptions=True)
        for answer in ended:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in ended if isinstance(answer, GroupAnswer)]

    async def reward(self, group: RewardGroup) -> GroupAnswer:
        """The answer for one group. A failed call raises GroupUnavailable or becomes a dropped group, as set; never a number. A group
        that was dropped for want of an answer that may still come is asked about again. Raises WrongSettings at once."""
        request = RewardRequest.model_validate({"groups": [group], **self._with_each_request()})
        body, n = request.model_dump_json(exclude_unset=True).encode(), len(group.responses)
        last: GroupAnswer | None = None

        async def attempt(seconds: float) -> GroupAnswer:
            nonlocal last
            reply = _reply((await attempt_async(self._http, "POST", "/reward", seconds, body)).content, n)
            last, told = GroupAnswer.of(reply.groups[0]), reply.groups[0].diagnostics.samples
            if may_be_had_later(last.reason, (s for t in told for s in (t.score_status, t.verify_status))):
                raise AttemptFailed("unreadable", f"no reward yet ({last.reason}): {last.first_failure()}")
            return last

        try:
            async with self._slots:
                return await call_async(attempt, self._policy)
        except CallFailed as exc:
            if (wrong := ends_the_run(exc.failure, self.settings.url)) is not None:
                raise wrong from exc
            if last is not None:
                return last
            why = f"no reward for group {group.id!r} from {self.settings.url}/reward: {exc}"
            if self.settings.on_failure == "raise":
                raise GroupUnavailable(
                    f"{why}. `rlmr doctor` checks the services; on_failure='drop' goes on without the group"
                ) from exc
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
