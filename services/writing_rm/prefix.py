"""What sibling texts share, and what a batch of them costs a forward pass that computes the shared part once."""

from collections.abc import Sequence

# Below this many common tokens (a bare chat header) the extra attention call costs more than it saves.
MIN_SHARED = 8


def common_prefix(texts: Sequence[tuple[int, ...]]) -> int:
    """Length of the longest prefix that all share, at least one token short of the shortest text."""
    first, last = min(texts), max(texts)  # the lexicographic extremes share exactly what all share
    low, high = 0, min(map(len, texts)) - 1
    while low < high:  # bisection: slices compare in C
        middle = (low + high + 1) // 2
        if first[low:middle] == last[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class SiblingCost:
    """Running count of the tokens a forward pass computes for texts of one prompt."""

    def __init__(self, share: bool) -> None:
        self.share, self.tokens = share, 0
        self._count = self._total = self._shared = 0
        self._first: tuple[int, ...] = ()

    def with_text(self, text: tuple[int, ...]) -> int:
        """What `tokens` would be after `add(text)`."""
        return self._after(text)[0]

    def add(self, text: tuple[int, ...]) -> None:
        self.tokens, self._shared = self._after(text)
        self._first = self._first or text
        self._count, self._total = self._count + 1, self._total + len(text)

    def _after(self, text: tuple[int, ...]) -> tuple[int, int]:
        if not self._count or not self.share:
            return self._total + len(text), 0 if self._count else len(text)
        shared = min(self._shared, common_prefix([self._first, text]))
        saved = shared * self._count if shared >= MIN_SHARED else 0
        return self._total + len(text) - saved, shared
