"""langdetect's language profiles in one compact file, read in milliseconds.

    python -c "from services.verifier.text.profiles import write; write()"      # anew from the installed langdetect

Profiles: langdetect 1.0.9 (Nakatani Shuyo, Apache-2.0), unchanged: how often each n-gram of one to three characters occurs in each
language. Its own 55 JSON files take a fresh process longer to read than most texts take to be checked. The test of this file compares
it with the installed langdetect.
"""

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("profiles.npz")
_BLOCK = 16
"""Rows that are filled in together: n-grams that begin alike, of which a text that has one has others."""


class Profiles:
    """Probabilities of n-grams in languages. Rows are filled in as n-grams turn up; safe for concurrent use by threads."""

    def __init__(self) -> None:
        with np.load(FILE) as stored:
            self.languages: list[str] = stored["languages"].tolist()
            codes, starts, columns = stored["codes"], stored["starts"], stored["columns"]
            lengths = 1 + (codes >> 21 > 0) + (codes >> 42 > 0)
            rows = np.arange(len(codes)).repeat(np.diff(starts))
            self._probabilities = stored["counts"] / stored["totals"][lengths[rows] - 1, columns]
        self._cells = rows * len(self.languages) + columns
        self._starts: list[int] = [*starts[:-1:_BLOCK].tolist(), len(columns)]
        self._filled = bytearray(len(self._starts))
        self._rows = dict(zip(_grams(codes, lengths), range(len(codes)), strict=True))
        self.table: NDArray[np.float64] = np.zeros((len(codes), len(self.languages)))
        """Probability of each n-gram in each language: (n-grams, languages). What was never asked for takes no memory."""

    def row(self, gram: str) -> int | None:
        """Row in the table of an n-gram of at most three characters; None if no language has it."""
        row = self._rows.get(gram)
        if row is not None and not self._filled[row // _BLOCK]:
            # Two threads may both do this, and write the same.
            block = row // _BLOCK
            part = slice(self._starts[block], self._starts[block + 1])
            self.table.put(self._cells[part], self._probabilities[part])
            self._filled[block] = True
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


def _grams(codes: NDArray[np.uint64], lengths: NDArray[np.int64]) -> list[str]:
    """The n-grams of these codes."""
    first_on_the_left = codes << (21 * (3 - lengths)).astype(np.uint64)
    characters = first_on_the_left[:, None] >> np.array([42, 21, 0], dtype=np.uint64) & np.uint64((1 << 21) - 1)
    found: list[str] = (characters - (characters > 0)).astype(np.uint32).view("U3").ravel().tolist()
    return found


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
