"""How much the texts of a policy differ from each other. Words are runs of letters; case and punctuation do not count."""

import re
from collections import Counter
from collections.abc import Sequence

from services.aggregator.mixing.likeness import likeness

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return list(zip(*(found[i:] for i in range(n)), strict=False))


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Different n-grams as a share of all n-grams of all texts, 0 to 1 (Li et al. 2016, arXiv 1510.03055). It falls with the
    amount of text: compare only equal numbers of texts of similar length."""
    found = [gram for text in texts for gram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else 0.0


def sibling_overlap(texts: Sequence[str]) -> float:
    """Mean overlap in word pairs of two texts of a group, 0 (nothing in common) to 1 (alike): what rlmr_diverse lowers rewards by.
    It looks at siblings, so that the prompt's own words count for all alike."""
    return sum(likeness(texts)) / len(texts)


def commonest_phrase(texts: Sequence[str], n: int = 3) -> tuple[str, float]:
    """The n words in a row that most texts contain, and the share of texts that do."""
    counts = Counter(gram for text in texts for gram in set(ngrams(text, n)))
    if not counts:
        return "", 0.0
    best = max(counts.values())
    phrase = min(gram for gram, count in counts.items() if count == best)
    return " ".join(phrase), best / len(texts)
