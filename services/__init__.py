"""The three reward services: writing_rm (POST /score), verifier (POST /verify), aggregator (POST /reward)."""

from typing import TYPE_CHECKING

from rlmr.mistake import Mistake

if TYPE_CHECKING:  # every service imports this file first
    from importlib.metadata import EntryPoint


class PluginError(Mistake):
    """An installed package that extends a service cannot be used. The message is one line and names the distribution and the
    remedy; a command that loads a service shows it in place of a traceback. Here, since this file alone is in every image."""

    @classmethod
    def of(cls, entry: "EntryPoint", why: str, remedy: str) -> "PluginError":
        owner = distribution_of(entry)
        return cls(
            f"{owner}: entry point {entry.name} = {entry.value} of group {entry.group}: {why}; {remedy}, or uninstall {owner}"
        )


def distribution_of(entry: "EntryPoint") -> str:
    """The name under which its package is installed."""
    return entry.dist.name if entry.dist else "an unnamed distribution"
