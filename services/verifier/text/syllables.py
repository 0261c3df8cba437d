"""Syllables of English words: the dictionary of PyPI's `syllapy` (MIT), which the IFBench reference uses, and its rule of
thumb (groups of vowels) for words that it does not hold."""

import re
from functools import lru_cache

from services.verifier.text.units import HAN
from services.verifier.text.units import words as counted_words

_LETTERS = re.compile(r"[a-z]+")


@lru_cache(maxsize=20_000)
def syllables(word: str) -> int:
    """0 for a word with digits in it. Long words without a vowel pattern count at least 1."""
    from syllapy import count

    return int(count(word))


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
