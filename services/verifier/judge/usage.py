"""What the judge costs: tokens as its endpoint counts them, by purpose of the call, and per verdict."""

from collections import Counter
from typing import Any

KINDS = ("prompt", "cached", "completion", "reasoning")


class Usage:
    """Since the start."""

    def __init__(self) -> None:
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._untold = 0
        self.verdicts = 0
        """Verdicts that calls were made for, votes taken together."""

    def add(self, purpose: str, reply: Any) -> dict[str, int]:
        """The tokens of one reply, by kind; empty where the endpoint does not tell."""
        found = _tokens(reply)
        if not found:
            self._untold += 1
        self._calls[purpose] += 1
        for kind, tokens in found.items():
            self._tokens[purpose, kind] += tokens
        return found

    def summary(self) -> dict[str, Any]:
        """`per_verdict` counts the calls for verdicts only (not golden ones, not splits), those that brought none too; null before
        the first verdict and where the endpoint told of no tokens."""
        spent = {k: sum(n for (p, kind), n in self._tokens.items() if kind == k and p in _VERDICTS) for k in KINDS}
        known = self.verdicts and any(spent.values())
        return {
            "verdicts": self.verdicts,
            "calls": dict(self._calls),
            "calls_without_usage": self._untold,
            "tokens": {p: {k: n for (q, k), n in self._tokens.items() if q == p} for p in self._calls},
            "per_verdict": {k: round(n / self.verdicts, 1) for k, n in spent.items()} if known else None,
        }


_VERDICTS = ("verdict", "yes_no", "paper")


def _tokens(reply: Any) -> dict[str, int]:
    usage = reply.get("usage") if isinstance(reply, dict) else None
    if not isinstance(usage, dict):
        return {}
    found = {
        "prompt": usage.get("prompt_tokens"),
        "completion": usage.get("completion_tokens"),
        "cached": _detail(usage, "prompt_tokens_details", "cached_tokens"),
        "reasoning": _detail(usage, "completion_tokens_details", "reasoning_tokens"),
    }
    return {kind: n for kind, n in found.items() if isinstance(n, int) and not isinstance(n, bool) and n >= 0}


def _detail(usage: dict[str, Any], group: str, name: str) -> Any:
    details = usage.get(group)
    return details.get(name) if isinstance(details, dict) else None
