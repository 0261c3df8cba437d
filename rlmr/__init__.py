"""RLMR: mixed rewards for creative writing. The shared library: wire types, client, service plumbing, command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlmr.client import AsyncRlmrClient, RlmrClient

__version__ = "0.1.0"

__all__ = ["AsyncRlmrClient", "RlmrClient", "__version__"]


def __getattr__(name: str) -> object:
    """The client on first use: `import rlmr` (and with it `rlmr --help`) must not load httpx and pydantic."""
    if name in ("AsyncRlmrClient", "RlmrClient"):
        from rlmr import client

        return getattr(client, name)
    raise AttributeError(f"module 'rlmr' has no attribute {name!r}")
