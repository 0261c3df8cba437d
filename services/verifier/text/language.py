"""Language of a text, deterministically.

Algorithm and profiles: langdetect (Nakatani Shuyo 2010; PyPI `langdetect`, Apache-2.0), the detector that IFEval's reference
checkers use. Its random draws are seeded here (seed 0), so that equal texts get equal answers, and the work is cut where the
answer cannot change: the n-grams of a word are looked up once, draws are multiplied in by blocks, and no trial is made that
cannot change the outcome. Equality with langdetect itself is tested.
"""

import json
import math
import random
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

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
_LATIN = re.compile(r"[A-z]+")  # as the original has it, with the six characters between Z and a
_OTHER_SCRIPT = re.compile(r"[^\u0000-\u02ff\u1e00-\u1eff]+")
_FIRST_BLOCK, _BLOCK = 26, 50  # 50 factors of at least 1e-5 stay far above the smallest double
_MAX_CACHED_WORDS = 20_000
_MAX_CACHED_WORD_CHARS = 24


@dataclass(frozen=True)
class _Profiles:
    languages: list[str]
    ids: dict[str, int]
    """Row of each n-gram in the table."""
    table: NDArray[np.float64]
    """Probability of each n-gram in each language: (n-grams, languages)."""


@cache
def _profiles() -> _Profiles:
    """About 0.3 s and 40 MB, on first use."""
    languages: list[str] = []
    ids: dict[str, int] = {}
    cells: list[tuple[int, int, float]] = []
    for entry in sorted(resources.files("langdetect.profiles").iterdir(), key=lambda e: e.name):
        if "." in entry.name or entry.name.startswith("_"):
            continue
        profile = json.loads(entry.read_text(encoding="utf-8"))
        for gram, count in profile["freq"].items():
            if 1 <= len(gram) <= 3:
                row = ids.setdefault(gram, len(ids))
                cells.append((row, len(languages), count / profile["n_words"][len(gram) - 1]))
        languages.append(profile["name"])
    table = np.zeros((len(ids), len(languages)))
    for row, column, probability in cells:
        table[row, column] = probability
    return _Profiles(languages, ids, table)


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
    profiles = _profiles()
    draws = _Draws(len(grams))
    total = np.zeros(len(profiles.languages))
    for trial in range(_TRIALS):
        total += _trial(profiles.table, grams, draws) / _TRIALS
        best = total.argmax()
        # The other trials together cannot lift another language above this one.
        if 2 * total[best] - total.sum() > (_TRIALS - trial - 1) / _TRIALS:
            break
    return profiles.languages[best] if total[best] > _MIN_PROBABILITY else "unknown"


def _trial(table: NDArray[np.float64], grams: list[int], draws: "_Draws") -> NDArray[np.float64]:
    """One trial: n-grams drawn at random are multiplied in until one language is certain. Probability of each language.

    Certainty is looked for at the first draw and at every fifth after it. Draws are worked on in blocks; what a block holds
    beyond the point of certainty is given back.
    """
    weight = (_ALPHA + draws.gauss() * _ALPHA_WIDTH) / _BASE_FREQUENCY
    p: NDArray[np.float64] = np.ones(table.shape[1])
    start, block, first = 0, _FIRST_BLOCK, 0
    while True:
        picked, positions = draws.indices(block)
        products = table[[grams[i] for i in picked]]
        products += weight
        products[0] *= p
        np.multiply.accumulate(products, out=products)
        checked = products[first : _ROUND_LIMIT + 1 - start : 5]
        mass = checked.sum(axis=1)
        certain = checked.max(axis=1) > _CONVERGED * mass
        at = int(certain.argmax())
        start += block
        if certain[at] or start > _ROUND_LIMIT:
            at = at if certain[at] else len(mass) - 1
            draws.position = int(positions[first + 5 * at])
            return checked[at] / mass[at]
        p = checked[-1] / mass[-1]
        block, first = _BLOCK, 4


class _Draws:
    """The draws that `random.Random(0)` makes: `gauss(0, 1)` and `choice` among `count`, from its stream of 32-bit words.

    The seed is always the same, so the stream is a constant; reading it ourselves lets a block of draws be taken at once.
    """

    def __init__(self, count: int) -> None:
        self.count, self.shift, self.position = count, 32 - count.bit_length(), 0
        self._second: float | None = None

    def gauss(self) -> float:
        """Box-Muller gives two numbers at a time."""
        if self._second is not None:
            value, self._second = self._second, None
            return value
        angle = self._random() * 2 * math.pi
        radius = math.sqrt(-2.0 * math.log(1.0 - self._random()))
        self._second = math.sin(angle) * radius
        return math.cos(angle) * radius

    def _random(self) -> float:
        high, low = _stream()[self.position : self.position + 2].tolist()
        self.position += 2
        return ((high >> 5) * 67108864.0 + (low >> 6)) / 9007199254740992.0

    def indices(self, wanted: int) -> tuple[list[int], NDArray[np.int64]]:
        """`wanted` indices below count, and the position in the stream after each."""
        width = 3 * wanted  # at least every other word gives a draw, on average
        while True:
            window = _stream()[self.position : self.position + width] >> self.shift
            good = np.flatnonzero(window < self.count)[:wanted]
            if len(good) == wanted:
                positions = good + (self.position + 1)
                self.position = int(positions[-1])
                return window[good].tolist(), positions
            width *= 2


@cache
def _stream() -> NDArray[np.int64]:
    """More words than seven trials of 1,001 draws can use: at least half of all words give a draw."""
    source = random.Random(0)
    return np.array([source.getrandbits(32) for _ in range(32_768)], dtype=np.int64)


def _cleaned(text: str) -> str:
    """Without URLs, addresses and doubled spaces; without Latin letters where another script dominates."""
    from langdetect.utils.ngram import NGram

    if "http" in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _MAIL.sub(" ", text)
    ascii_only = text.isascii()
    if not ascii_only:
        text = NGram.normalize_vi(text)
    text = text[:_MAX_CHARS]
    if "  " in text:
        text = _SPACES.sub(" ", text)
    if ascii_only:
        return text
    without_latin = _LATIN.sub("", text)
    latin, other = len(text) - len(without_latin), len(text) - len(_OTHER_SCRIPT.sub("", text))
    return without_latin if latin * 2 < other else text


_word_grams: dict[str, list[int]] = {}
"""Cache of `_grams_of_word`: depends on the word alone."""


def _grams(text: str) -> list[int]:
    """Every known 1- to 3-gram in order, as rows of the profile table."""
    words = text.translate(_normalised).split(" ")
    last = words.pop()
    found: list[int] = []
    for word in words:
        if word:
            known = _word_grams.get(word)
            if known is None:
                known = _grams_of_word(word, ended=True)
                if len(word) <= _MAX_CACHED_WORD_CHARS:
                    if len(_word_grams) >= _MAX_CACHED_WORDS:
                        _word_grams.clear()
                    _word_grams[word] = known
            found += known
    if last:
        found += _grams_of_word(last, ended=False)
    return found


def _grams_of_word(word: str, *, ended: bool) -> list[int]:
    """N-grams within a word and the spaces beside it; from the second of adjacent capitals on they are left out."""
    ids = _profiles().ids
    padded = f" {word} " if ended else f" {word}"
    grams: list[str] = []
    for i in range(1, len(padded)):
        ch = padded[i]
        if ch.isupper() and padded[i - 1].isupper():
            continue
        if ch != " ":
            grams.append(ch)
        grams.append(padded[i - 1 : i + 1])
        if i > 1:
            grams.append(padded[i - 2 : i + 1])
    return [ids[gram] for gram in grams if gram in ids]
