"""Syllables of English words: the dictionary of PyPI's `syllapy` (MIT), which the IFBench reference uses, and its rule of
thumb (groups of vowels) for words that it does not hold."""

import re
from functools import lru_cache

from services.verifier.text.rhyme import spoken_syllables
from services.verifier.text.units import HAN
from services.verifier.text.units import words as counted_words

_LONGEST_WORD = 64  # no word is longer; the rest of what looks like one is not counted
_LETTERS = re.compile(r"[a-z]+")
_DIGIT = re.compile(r"\d")


def syllables(word: str) -> int:
    """At least 1 for a word of letters; 0 for one with digits. Hyphenated words are the sum of their parts."""
    return (
        _syllables_by_dictionary(word)
        if len(word) <= _LONGEST_WORD
        else sum(_syllables_by_dictionary(part[:_LONGEST_WORD]) for part in word.split("-"))
    )


@lru_cache(maxsize=20_000)
def _syllables_by_dictionary(word: str) -> int:
    from syllapy import count

    return sum(int(count(part)) for part in word.split("-")) if "-" in word else int(count(word))


def syllables_of_line(line: str) -> tuple[int, int]:
    """Fewest and most in which the line can be spoken. English words by the pronouncing dictionary and by dictionary and rule of
    `syllables`, hyphenated words by their parts; a Chinese character is one; a number's digits are one to three each."""
    fewest = most = 0
    for word in counted_words(line):
        if HAN.match(word):
            fewest, most = fewest + 1, most + 1
            continue
        for part in word.lower().replace("’", "'").split("-"):
            low, high = _range_of(part)
            fewest, most = fewest + low, most + high
    return fewest, most


@lru_cache(maxsize=20_000)
def _range_of(part: str) -> tuple[int, int]:
    digits = len(_DIGIT.findall(part))
    if digits:
        return 1, 3 * digits + 1
    if not _LETTERS.search(part):
        return 0, 0
    from syllapy import WORD_DICT

    found = {*spoken_syllables(part), *([int(WORD_DICT[part])] if part in WORD_DICT else [])}
    found = found or _of_compound(part) or {max(1, syllables(part))}
    return min(found), max(found)


def _of_compound(word: str) -> set[int]:
    """Of a word that no dictionary holds, but whose two parts one does: "leafmould"."""
    for i in range(3, min(len(word), _LONGEST_WORD) - 2):
        first, second = spoken_syllables(word[:i]), spoken_syllables(word[i:])
        if first and second:
            return {min(first) + min(second), max(first) + max(second)}
    return set()
