"""Language of a text, deterministically.

Algorithm and profiles: langdetect (Nakatani Shuyo 2010; PyPI `langdetect`, Apache-2.0), the detector that IFEval's reference
checkers use. Its random draws are seeded here (seed 0), so that equal texts get equal answers, and the work is cut where the
answer cannot change: the n-grams of a word are looked up once, draws are multiplied in by blocks, and no trial is made that
cannot change the outcome. Equality with langdetect itself is tested.
"""

import math
import random
import re
from array import array
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.verifier.text.profiles import profiles

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
_EVERY = 5
"""Draws between two looks for certainty."""
_LOOKS = 12
"""Looks a block: the 61 factors of at least 3e-5 of the longest block stay far above the smallest double."""
_FIRST_WORDS = 768
_MAX_CACHED_WORDS = 20_000
_MAX_CACHED_WORD_CHARS = 24
_MAX_CACHED_ENDINGS = 50_000


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
    if not len(grams):
        return None
    known = profiles()
    draws = _Draws(grams)
    total = np.zeros(len(known.languages))
    for trial in range(_TRIALS):
        total += _trial(known.table, draws)
        best = total.argmax()
        # The other trials together cannot lift another language above this one.
        if 2 * total[best] - total.sum() > _TRIALS - trial - 1:
            break
    return known.languages[best] if total[best] > _MIN_PROBABILITY * _TRIALS else "unknown"


def _trial(table: NDArray[np.float64], draws: "_Draws") -> NDArray[np.float64]:
    """One trial: n-grams drawn at random are multiplied in until one language is certain. Probability of each language.

    Certainty is looked for at the first draw (where it cannot be had: no n-gram is a hundred times likelier in one language than
    in all others together with the smoothing weight) and at every fifth after it. Draws are worked on in blocks; what a block
    holds beyond the point of certainty is given back.
    """
    weight = (_ALPHA + draws.gauss() * _ALPHA_WIDTH) / _BASE_FREQUENCY
    p = table[draws.take(1)[0]] + weight
    looks = _ROUND_LIMIT // _EVERY
    while True:
        count = min(_LOOKS, looks)
        factors = table.take(draws.take(count * _EVERY).reshape(count, _EVERY).T, axis=0)
        factors += weight
        products = np.multiply.reduce(factors, axis=0)
        products[0] *= p
        np.multiply.accumulate(products, out=products)
        mass = products.sum(axis=1)
        certain = products.max(axis=1) > _CONVERGED * mass
        at = int(certain.argmax())
        looks -= count
        if certain[at] or not looks:
            at = at if certain[at] else count - 1
            draws.give_back((count - 1 - at) * _EVERY)
            return products[at] / mass[at]
        p = products[-1] / mass[-1]


class _Draws:
    """The draws that `random.Random(0)` makes from its stream of 32-bit words: `gauss(0, 1)`, and `choice` among the n-grams.

    The seed is always the same, so the stream is a constant; reading it ourselves lets a block of draws be taken at once.
    """

    def __init__(self, grams: NDArray[np.int32]) -> None:
        self._grams = grams
        self._second: float | None = None
        self._next = 0  # among the draws
        self._position = 0  # in the stream
        self._words = _FIRST_WORDS
        self._read()

    def _read(self) -> None:
        """Words of the stream whose leading bits are below the number of n-grams give a draw; the others are passed over."""
        shifted = _stream()[: self._words] >> (32 - len(self._grams).bit_length())
        self._places = np.flatnonzero(shifted < len(self._grams))
        self._drawn = self._grams[shifted[self._places]]

    def gauss(self) -> float:
        """Box-Muller gives two numbers at a time."""
        if self._second is not None:
            value, self._second = self._second, None
            return value
        self._position = int(self._places[self._next - 1]) + 1 if self._next else 0
        angle = self._random() * 2 * math.pi
        radius = math.sqrt(-2.0 * math.log(1.0 - self._random()))
        self._second = math.sin(angle) * radius
        self._next = int(self._places.searchsorted(self._position))
        return math.cos(angle) * radius

    def _random(self) -> float:
        high, low = _stream()[self._position : self._position + 2].tolist()
        self._position += 2
        return float(((high >> 5) * 67108864.0 + (low >> 6)) / 9007199254740992.0)

    def take(self, count: int) -> NDArray[np.int32]:
        """The next `count` n-grams."""
        while self._next + count > len(self._drawn):
            self._words *= 4
            self._read()
        self._next += count
        return self._drawn[self._next - count : self._next]

    def give_back(self, count: int) -> None:
        self._next -= count


@cache
def _stream() -> NDArray[np.int64]:
    """More words than seven trials of 1,001 draws can use: at least half of all words give a draw."""
    return np.frombuffer(random.Random(0).randbytes(4 * 32_768), dtype="<u4").astype(np.int64)


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


class _WordGrams(dict[str, bytes]):
    """Word -> its n-grams as `_grams_of_word` has them; filled as words turn up."""

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended

    def __missing__(self, word: str) -> bytes:
        grams = _grams_of_word(word, ended=self._ended) if word else b""
        if len(word) <= _MAX_CACHED_WORD_CHARS:
            if len(self) >= _MAX_CACHED_WORDS:
                self.clear()
            self[word] = grams
        return grams


_inner_grams = _WordGrams(ended=True)
_last_grams = _WordGrams(ended=False)


def _grams(text: str) -> NDArray[np.int32]:
    """Every known 1- to 3-gram in order, as rows of the profile table."""
    words = text.translate(_normalised).split(" ")
    last = words.pop()
    return np.frombuffer(b"".join(map(_inner_grams.__getitem__, words)) + _last_grams[last], dtype=np.int32)


def _grams_of_word(word: str, *, ended: bool) -> bytes:
    """N-grams within a word and the spaces beside it, as rows of the table."""
    padded = f"\0 {word} " if ended else f"\0 {word}"
    return b"".join([_ending_grams[padded[i : i + 3]] for i in range(len(padded) - 2)])


class _EndingGrams(dict[str, bytes]):
    """Three characters -> the n-grams that end with the third, as rows of the table: those of one, two and three characters.
    None where the third is the second or a later one of adjacent capitals. The first is \\0 at the start of a word."""

    def __missing__(self, last: str) -> bytes:
        row = profiles().row
        grams: tuple[str, ...] = ()
        if not (last[1].isupper() and last[2].isupper()):
            grams = (last[1:], last) if last[2] == " " else (last[2], last[1:], last)
        rows = array("i", [known for gram in grams if (known := row(gram)) is not None]).tobytes()
        if len(self) >= _MAX_CACHED_ENDINGS:
            self.clear()
        self[last] = rows
        return rows


_ending_grams = _EndingGrams()
