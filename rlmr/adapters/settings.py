"""Where the aggregator is, how patiently it is asked, and what becomes of a group when patience ends."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


class GroupUnavailable(RuntimeError):
    """A group's reward could not be had in time. Holds text only, so that Ray and multiprocessing can carry it."""


@dataclass(frozen=True)
class Settings:
    """Every setting of an adapter. None of a trainer's own settings are repeated here."""

    url: str
    """Base address of the aggregator, e.g. http://rlmr-aggregator:8000."""
    api_key: str | None = None
    timeout: float = 600.0
    """Seconds for one group, repeats included. Judges on long texts take minutes."""
    attempt_timeout: float = 180.0
    """Seconds for one attempt."""
    parallel: int = 16
    """Most groups asked for at once by one process."""
    strategy: dict[str, Any] | None = None
    """Mixing strategy and its parameters, as in POST /reward; null = what the service is configured with."""
    filter: dict[str, Any] | None = None
    """What to change of the service's filter, as in POST /reward; null = nothing."""
    expect: dict[str, str] | None = None
    """Revisions that must answer, as in POST /reward; null = any."""
    on_failure: Literal["raise", "drop"] = "raise"
    """After `timeout`, or where the services refuse this one group: an error that ends the step, or a dropped group. What no group
    could get past (a wrong key, an unknown parameter, another revision) is an error in any case."""

    def __post_init__(self) -> None:
        if self.on_failure not in ("raise", "drop"):
            raise ValueError(f"on_failure is {self.on_failure!r}: raise or drop")
        for name in ("timeout", "attempt_timeout", "parallel"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}: more than 0")

    def with_each_request(self) -> dict[str, Any]:
        """What goes beside the groups of a POST /reward."""
        given = {"strategy": self.strategy, "filter": self.filter, "expect": self.expect}
        return {name: value for name, value in given.items() if value}

    @classmethod
    def from_environment(cls, given: Mapping[str, Any] | None = None) -> "Settings":
        """`given` wins over RLMR_REWARD_URL, RLMR_API_KEY, RLMR_STRATEGY, RLMR_FILTER, RLMR_EXPECT, RLMR_REWARD_TIMEOUT and RLMR_REWARD_ATTEMPT_TIMEOUT,
        (variables that `rlmr train` sets for OpenRLHF's agent). Raises ValueError for an unknown setting or a missing address."""
        environ = os.environ
        values: dict[str, Any] = {
            "url": environ.get("RLMR_REWARD_URL"),
            "api_key": environ.get("RLMR_API_KEY") or None,
            **{
                name: json.loads(text) if (text := environ.get(f"RLMR_{name.upper()}")) else None
                for name in ("strategy", "filter", "expect")
            },
            "timeout": float(environ.get("RLMR_REWARD_TIMEOUT", cls.timeout)),
            "attempt_timeout": float(environ.get("RLMR_REWARD_ATTEMPT_TIMEOUT", cls.attempt_timeout)),
        }
        values.update({name: value for name, value in (given or {}).items() if value is not None})
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise ValueError(f"unknown setting {unknown[0]!r}; there are {', '.join(cls.__dataclass_fields__)}")
        if not values["url"]:
            raise ValueError("no address of the aggregator: give url, or set RLMR_REWARD_URL (http://127.0.0.1:8000)")
        if isinstance(values["strategy"], str):
            values["strategy"] = {"name": values["strategy"]}
        values["url"] = str(values["url"]).rstrip("/")
        return cls(**values)
