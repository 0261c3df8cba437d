"""Syllables of English words: the dictionary of PyPI's `syllapy` (MIT), which the IFBench reference uses, and its rule of
thumb (groups of vowels) for words that it does not hold."""

import re
from functools import lru_cache

from services.verifier.text.units import HAN
from services.verifier.text.units import words as counted_words

_LONGEST_WORD = 64  # no word is longer; the rest of what looks like one is not counted
_LETTERS = re.compile(r"[a-z]+")


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


def syllables_of_line(line: str) -> int:
    """English words by dictionary and rule, hyphenated words by their parts; a Chinese character is one syllable."""
    total = 0
    for word in counted_words(line):
        if HAN.match(word):
            total += 1
        else:
            plain = word.lower().replace("’", "'")
            total += sum(max(1, syllables(part)) for part in plain.split("-") if _LETTERS.search(part))
    return total
