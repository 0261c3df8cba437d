"""Which weights, checkers and judge a run is pinned to: those that answer one small group when it starts."""

import asyncio
from dataclasses import replace

from rlmr.adapters.settings import Settings
from rlmr.mistake import Mistake
from trainer.grpo.group_reward import GroupRewardClient


class NotPinned(Mistake):
    """The services did not answer a small group; the message says why."""


def revisions(settings: Settings) -> dict[str, str]:
    """By service, of those that the strategy asks: the form of `expect` in POST /reward. Raises NotPinned, and WrongSettings for a
    strategy, filter or key that the services refuse: before a model is loaded, not after."""
    return asyncio.run(_revisions(settings))


async def _revisions(settings: Settings) -> dict[str, str]:
    client = GroupRewardClient(replace(settings, expect=None))
    try:
        answer = await client.reward("pin", "Say a word.", [], ["A word.", "Another word."])
    finally:
        await client.close()
    found = {service: revision for service, revision in answer.revisions.items() if revision is not None}
    if not found:
        told = answer.error or next((reasons[0] for reasons in answer.failed_constraints if reasons), answer.reason)
        raise NotPinned(f"no revision to pin the run to: {settings.url} gives no reward ({told}); see `rlmr doctor`")
    return found
