"""langdetect's language profiles in one compact file, read in milliseconds.

    python -c "from services.verifier.text.profiles import write; write()"      # anew from the installed langdetect

Profiles: langdetect 1.0.9 (Nakatani Shuyo, Apache-2.0), unchanged: how often each n-gram of one to three characters occurs in each
language. Its own 55 JSON files take a fresh process longer to read than most texts take to be checked. The test of this file compares
it with the installed langdetect.
"""

import json
from bisect import bisect_left
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("profiles.npz")


class Profiles:
    """Probabilities of n-grams in languages. Rows are filled in as n-grams turn up; safe for concurrent use by threads."""

    def __init__(self) -> None:
        with np.load(FILE) as stored:
            self.languages: list[str] = stored["languages"].tolist()
            self._codes = memoryview(stored["codes"])
            self._starts: list[int] = stored["starts"].tolist()
            self._columns, self._counts, self._totals = stored["columns"], stored["counts"], stored["totals"]
        self.table: NDArray[np.float64] = np.zeros((2048, len(self.languages)))
        """Probability of each n-gram in each language: (n-grams, languages). Read it after the rows are known: it grows."""
        self._rows: dict[str, int] = {}
        self._lock = Lock()

    def row(self, gram: str) -> int | None:
        """Row in the table of an n-gram of at most three characters; None if no language has it."""
        found = self._rows.get(gram)
        if found is not None:
            return found
        code = _code(gram)
        at = bisect_left(self._codes, code)
        if at == len(self._codes) or self._codes[at] != code:
            return None
        with self._lock:
            return self._rows[gram] if gram in self._rows else self._add(gram, at)

    def _add(self, gram: str, at: int) -> int:
        row = len(self._rows)
        if row == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        part = slice(self._starts[at], self._starts[at + 1])
        columns = self._columns[part]
        self.table[row, columns] = self._counts[part] / self._totals[len(gram) - 1, columns]
        self._rows[gram] = row
        return row


@cache
def profiles() -> Profiles:
    return Profiles()


def _code(gram: str) -> int:
    """Different for different n-grams, of different lengths too."""
    code = 0
    for character in gram:
        code = code << 21 | (ord(character) + 1)
    return code


def langdetect_counts() -> tuple[list[str], list[list[int]], dict[str, dict[int, int]]]:
    """Languages; per language how many n-grams of one, two and three characters; n-gram -> language's index -> its count."""
    languages: list[str] = []
    totals: list[list[int]] = []
    counts: dict[str, dict[int, int]] = {}
    for entry in sorted(resources.files("langdetect.profiles").iterdir(), key=lambda e: e.name):
        if "." in entry.name or entry.name.startswith("_"):
            continue
        profile: dict[str, Any] = json.loads(entry.read_text(encoding="utf-8"))
        for gram, count in profile["freq"].items():
            if 1 <= len(gram) <= 3:
                counts.setdefault(gram, {})[len(languages)] = count
        languages.append(profile["name"])
        totals.append(profile["n_words"])
    return languages, totals, counts


def write(file: Path = FILE) -> None:
    languages, totals, counts = langdetect_counts()
    grams = sorted(counts, key=_code)
    np.savez_compressed(
        file,
        languages=np.array(languages),
        totals=np.array(totals, dtype=np.int64).T,
        codes=np.array([_code(gram) for gram in grams], dtype=np.uint64),
        starts=np.cumsum([0, *(len(counts[gram]) for gram in grams)], dtype=np.uint32),
        columns=np.array([column for gram in grams for column in counts[gram]], dtype=np.uint8),
        counts=np.array([count for gram in grams for count in counts[gram].values()], dtype=np.uint32),
    )
