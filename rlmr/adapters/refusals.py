"""Which failures of POST /reward pass with time, which are one group's own, and which no group of this run will ever get past."""

import json
from collections.abc import Iterable

from rlmr.adapters.settings import GroupUnavailable
from rlmr.calls import AttemptFailed
from rlmr.mistake import Mistake

PASSING = frozenset({"unavailable", "timeout"})
"""Statuses of a sample that may be otherwise the next time."""

_REMEDIES = {
    401: "set RLMR_API_KEY to the key of the services",
    403: "whatever stands in front of the aggregator refuses this caller",
    404: "RLMR_REWARD_URL is not the address of an RLMR aggregator",
    405: "RLMR_REWARD_URL is not the address of an RLMR aggregator",
    409: "restart the services with the weights, checkers and judge that the run began with, or begin another run",
    422: "correct the strategy, its parameters or the filter",
    424: "give the aggregator the key of the services behind it",
}


class WrongSettings(GroupUnavailable, Mistake):
    """No group of this run can get a reward until somebody changes a setting. A GroupUnavailable that `on_failure` does not
    turn into a dropped group."""


def ends_the_run(failure: AttemptFailed, url: str) -> WrongSettings | None:
    """The error with its remedy, unless the failure may pass or is the group's own (422 at `groups`, 413)."""
    status = failure.status
    if failure.kind != "status" or status not in _REMEDIES or (status == 422 and _of_the_group(failure)):
        return None
    return WrongSettings(f"{url}/reward: {failure}. Remedy: {_REMEDIES[status]}; `rlmr doctor` checks the services")


def _of_the_group(failure: AttemptFailed) -> bool:
    try:
        paths = [str(error["path"]) for error in json.loads(failure.reply.content)["errors"]] if failure.reply else []
    except (ValueError, KeyError, TypeError):
        return False
    return any(path.startswith("groups") for path in paths)


def may_be_had_later(reason: str | None, statuses: Iterable[str]) -> bool:
    """Whether a group was dropped because an answer was missing that may be there the next time."""
    return reason in ("unavailable", "too_few_valid") and not PASSING.isdisjoint(statuses)
