"""Language of a text, deterministically.

Algorithm and profiles: langdetect (Nakatani Shuyo 2010; PyPI `langdetect`, Apache-2.0), the detector that IFEval's reference
checkers use. Its random draws are seeded (seed 0) here, so that equal texts get equal answers, and its three slow parts are
rebuilt: one table look-up per character, one pass for the n-grams, and a product over the languages without function calls.
Equality with langdetect itself is tested.
"""

import json
import random
import re
from functools import cache
from importlib import resources

_TRIALS = 7
_ALPHA, _ALPHA_WIDTH = 0.5, 0.05
_BASE_FREQUENCY = 10_000
_ROUND_LIMIT = 1_000
_CONVERGED = 0.99999
_MIN_PROBABILITY = 0.1
_MAX_CHARS = 10_000
_MAX_CACHED_CHARACTERS = 30_000
_URL = re.compile(r"https?://[-_.?&~;+=/#0-9A-Za-z]{1,2076}")
_MAIL = re.compile(r"[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}")
_SPACES = re.compile(r"  +")


@cache
def _profiles() -> tuple[list[str], dict[str, tuple[float, ...]]]:
    """Languages, and the probability of each n-gram in each of them. About 0.3 s and 60 MB, on first use."""
    languages: list[str] = []
    counts: list[tuple[dict[str, int], list[int]]] = []
    for entry in sorted(resources.files("langdetect.profiles").iterdir(), key=lambda e: e.name):
        if "." in entry.name or entry.name.startswith("_"):
            continue
        profile = json.loads(entry.read_text(encoding="utf-8"))
        languages.append(profile["name"])
        counts.append((profile["freq"], profile["n_words"]))
    table: dict[str, list[float]] = {}
    for index, (frequency, totals) in enumerate(counts):
        for gram, count in frequency.items():
            if 1 <= len(gram) <= 3:
                row = table.get(gram)
                if row is None:
                    row = table[gram] = [0.0] * len(languages)
                row[index] = count / totals[len(gram) - 1]
    return languages, {gram: tuple(row) for gram, row in table.items()}


class _Normalised(dict[int, str]):
    """Code point -> the character that the profiles use for it; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        from langdetect.utils.ngram import NGram

        character: str = NGram.normalize(chr(code))
        if len(self) < _MAX_CACHED_CHARACTERS:
            self[code] = character
        return character


_normalised = _Normalised()


def detect_language(text: str) -> str | None:
    """ISO 639-1 code (`zh-cn`, `zh-tw` for Chinese), `unknown`, or None where the text has no usable letters."""
    grams = _grams(_cleaned(text))
    if not grams:
        return None
    languages, table = _profiles()
    rows = [table[gram] for gram in grams]
    draw = random.Random(0)
    size = len(languages)
    total = [0.0] * size
    for _ in range(_TRIALS):
        p = [1.0 / size] * size
        weight = (_ALPHA + draw.gauss(0.0, 1.0) * _ALPHA_WIDTH) / _BASE_FREQUENCY
        rounds = 0
        while True:
            p = [a * (weight + b) for a, b in zip(p, draw.choice(rows), strict=True)]
            if rounds % 5 == 0:
                mass = sum(p)
                p = [a / mass for a in p]
                if max(p) > _CONVERGED or rounds >= _ROUND_LIMIT:
                    break
            rounds += 1
        total = [a + b / _TRIALS for a, b in zip(total, p, strict=True)]
    best = max(total)
    return languages[total.index(best)] if best > _MIN_PROBABILITY else "unknown"


def _cleaned(text: str) -> str:
    """Without URLs, addresses and doubled spaces; without Latin letters where another script dominates."""
    from langdetect.utils.ngram import NGram
    from langdetect.utils.unicode_block import unicode_block

    if "http" in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _MAIL.sub(" ", text)
    if not text.isascii():
        text = NGram.normalize_vi(text)
    text = text[:_MAX_CHARS]
    if "  " in text:
        text = _SPACES.sub(" ", text)
    if text.isascii():
        return text
    latin = other = 0
    for c in text:
        if "A" <= c <= "z":
            latin += 1
        elif c >= "\u0300" and unicode_block(c) != "Latin Extended Additional":
            other += 1
    return "".join(c for c in text if c < "A" or c > "z") if latin * 2 < other else text


def _grams(text: str) -> list[str]:
    """Every known 1- to 3-gram in order; words in capitals are left out from their second capital on."""
    _, table = _profiles()
    found: list[str] = []
    window, capitals = " ", False
    for ch in text.translate(_normalised):
        last = window[-1]
        if last == " ":
            window, capitals = " ", False
            if ch == " ":
                continue
            window = " " + ch
        elif len(window) >= 3:
            window = window[1:] + ch
        else:
            window += ch
        if ch.isupper():
            if last.isupper():
                capitals = True
        else:
            capitals = False
        if capitals:
            continue
        if ch != " " and ch in table:
            found.append(ch)
        if window[-2:] in table:
            found.append(window[-2:])
        if len(window) == 3 and window in table:
            found.append(window)
    return found
