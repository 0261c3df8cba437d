"""Whether lines rhyme: English by a pronouncing dictionary, Chinese by the finals of Pinyin.

English words with equal sounds from the last stressed vowel on rhyme, in any of their pronunciations; in a word of three syllables and
more an unstressed end may rhyme, too, as poets have it ("melody", "tree"). The dictionary is the data of PyPI's `misaki` (Apache-2.0;
184,000 American pronunciations). A word that it does not hold is compared by its spelling.
"""

import json
import re
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

from services.verifier.text.units import HAN, words

_STRESS = "ˈˌ"
_VOWEL = re.compile("[AIOWYQaæɑɒɛeɜɪiᵻʊuʌɔoəᵊ]")
_STRESSED = re.compile(f"[{_STRESS}][^{_STRESS}]*$")
_ALIKE = str.maketrans({"ᵊ": "ə", "ᵻ": "ɪ", "ɾ": "t", "ˈ": "", "ˌ": ""})
_DOUBLED = re.compile(r"([^aeiou])\1$")
_SPELT_ENDING = re.compile(r"[aeiouy]+[^aeiouy]*e?$")
_RHYME_OF_FINAL = {
    final: group
    for group, finals in enumerate(
        [
            "a ia ua", "o e uo", "ie ue ve ê", "ai uai", "ei ui uei", "ao iao", "ou iu iou", "an ian uan van üan", "en in un uen vn ün n",
            "ang iang uang", "eng ing ong iong ueng", "i", "u", "v ü er",
        ]
    )
    for final in finals.split()
}  # fmt: skip
"""The fourteen rhymes of modern Chinese verse (Zhonghua Xinyun), with er and ü taken together."""


class Ending(NamedTuple):
    """How a line may end; empty for a line without words."""

    sounds: frozenset[str]
    spelling: str

    def rhymes_with(self, other: "Ending") -> bool:
        if self.sounds and other.sounds:
            return not self.sounds.isdisjoint(other.sounds)
        return bool(self.spelling) and self.spelling == other.spelling


def last_sounds(line: str) -> Ending:
    found = words(line)
    if not found:
        return Ending(frozenset(), "")
    last = found[-1]
    if HAN.match(last):
        return Ending(_pinyin_finals(last), last)
    word = last[-40:].lower().replace("’", "'").removesuffix("'").removesuffix("'s")
    return Ending(_english_endings(word), _spelt_ending(word[-24:]))


@lru_cache(maxsize=10_000)
def _pinyin_finals(character: str) -> frozenset[str]:
    from pypinyin import Style, pinyin

    readings = pinyin(character, style=Style.FINALS, heteronym=True, strict=False)[0]
    return frozenset(f"han{_RHYME_OF_FINAL.get(reading, reading)}" for reading in readings)


@cache
def _dictionary() -> dict[str, str | dict[str, str | None]]:
    import misaki.data

    folder = resources.files(misaki.data)
    found: dict[str, str | dict[str, str | None]] = {}
    for name in ("us_silver.json", "us_gold.json"):
        found |= json.loads(folder.joinpath(name).read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=20_000)
def _english_endings(word: str) -> frozenset[str]:
    listed = _dictionary().get(word) or _dictionary().get(word.capitalize())
    if listed is None:
        part = word.rpartition("-")[2]
        if part != word:
            return _english_endings(part)
        # A name or a new word ends as the longest known word within it: Dunleer as "leer".
        known = (word[i:] for i in range(1, len(word) - 2) if word[i:] in _dictionary())
        part = next(known, _DOUBLED.sub(r"\1", word))
        return _english_endings(part) if part != word else frozenset()
    pronounced = [listed] if isinstance(listed, str) else [p for p in listed.values() if p]
    return frozenset(ending for p in pronounced for ending in _endings_of(p))


def _endings_of(pronounced: str) -> list[str]:
    stressed = _STRESSED.search(pronounced)
    tail = stressed.group() if stressed else pronounced
    vowels = list(_VOWEL.finditer(tail))
    if not vowels:
        return []
    endings = [tail[vowels[0].start() :]]
    if len(vowels) > 2:
        endings.append(tail[vowels[-1].start() :])
    return [ending.translate(_ALIKE) for ending in endings]


@lru_cache(maxsize=20_000)
def spoken_syllables(word: str) -> frozenset[int]:
    """Numbers of syllables in which the dictionary has the word pronounced; empty for one that it does not hold. `word` is in small letters."""
    listed = _dictionary().get(word) or _dictionary().get(word.capitalize())
    if listed is None:
        return frozenset()
    pronounced = [listed] if isinstance(listed, str) else [p for p in listed.values() if p]
    # One sign stands for a vowel and what it glides into; "n" and "l" may be syllables of their own (ᵊ).
    return frozenset(n for p in pronounced if (n := len(_VOWEL.findall(p))))


def _spelt_ending(word: str) -> str:
    match = _SPELT_ENDING.search(word)
    return match.group() if match else word[-3:]
