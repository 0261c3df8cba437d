"""How alike texts are: ROUGE-L, near-duplicates, shared runs of words. English by words, Chinese by characters.

ROUGE-L (Lin 2004) as Self-Instruct uses it (Wang et al. 2023, arXiv 2212.10560): F1 of the longest common subsequence,
2 LCS / (m + n), which is rapidfuzz's normalised Indel similarity.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def tokens(text: str) -> list[str]:
    """Words in lower case without punctuation; each Chinese character is one."""
    return _TOKEN.findall(text.lower())


def language_of(text: str) -> str:
    """`zh` if at least a third of the tokens are Chinese characters, else `en`: enough to tell the two apart."""
    found = tokens(text)
    return "zh" if found and sum(bool(_CJK.match(token)) for token in found) * 3 >= len(found) else "en"


class RougePool:
    """Texts that new ones are compared with. A token becomes one character, so that rapidfuzz compares strings in C++."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._code: dict[str, str] = {}
        self._pool: list[str] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        self._pool.append(self._encoded(text))

    def nearest(self, text: str, at_least: float = 0.0) -> tuple[float, int | None]:
        """ROUGE-L to the most similar text of the pool and its number; (0, None) if none reaches `at_least`."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        found = process.extractOne(
            self._encoded(text), self._pool, scorer=Indel.normalized_similarity, score_cutoff=at_least, processor=None
        )
        return (float(found[1]), int(found[2])) if found else (0.0, None)

    def _encoded(self, text: str) -> str:
        # From the first private-use plane on: no surrogates in the way.
        return "".join(self._code.setdefault(token, chr(0x10000 + len(self._code))) for token in tokens(text))


@dataclass(frozen=True)
class Alike:
    first: int
    second: int
    jaccard: float
    """Of their sets of token 3-grams."""


class NearDuplicates:
    """MinHash (datasketch) finds candidates among many texts; the exact Jaccard similarity of 3-grams decides."""

    def __init__(self, threshold: float = 0.7, permutations: int = 128) -> None:
        from datasketch import MinHashLSH

        self.threshold, self._permutations = threshold, permutations
        # A lower threshold for candidates: the estimate may be short of the truth.
        self._index = MinHashLSH(threshold=max(0.1, threshold - 0.2), num_perm=permutations)
        self._shingles: list[frozenset[str]] = []

    def nearest(self, text: str) -> tuple[float, int | None]:
        """The most similar text added before, if it reaches the threshold; else (0, None)."""
        shingles = _shingles(text)
        candidates = [int(key) for key in self._index.query(self._minhash(shingles))]
        scored = [(_jaccard(shingles, self._shingles[i]), i) for i in candidates]
        best, number = max(scored, default=(0.0, -1))
        return (best, number) if best >= self.threshold else (0.0, None)

    def add(self, text: str) -> None:
        shingles = _shingles(text)
        self._index.insert(str(len(self._shingles)), self._minhash(shingles))
        self._shingles.append(shingles)

    def _minhash(self, shingles: frozenset[str]) -> object:
        from datasketch import MinHash

        found = MinHash(num_perm=self._permutations)
        found.update_batch([shingle.encode() for shingle in sorted(shingles)])
        return found


def near_duplicates(texts: Sequence[str], threshold: float = 0.7) -> list[Alike]:
    """Each text that is nearly one before it, with the nearest."""
    index, found = NearDuplicates(threshold), []
    for i, text in enumerate(texts):
        jaccard, before = index.nearest(text)
        if before is not None:
            found.append(Alike(before, i, jaccard))
        index.add(text)
    return found


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """Runs of n tokens; of a shorter text the whole of it."""
    found = tokens(text)
    return {tuple(found[i : i + n]) for i in range(max(1, len(found) - n + 1))} if found else set()


def _shingles(text: str) -> frozenset[str]:
    return frozenset(" ".join(run) for run in ngrams(text, 3))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0
