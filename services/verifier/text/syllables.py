"""Syllables of English words: the dictionary of PyPI's `syllapy` (MIT), which the IFBench reference uses, and its rule of
thumb (groups of vowels) for words that it does not hold."""

from functools import lru_cache


@lru_cache(maxsize=20_000)
def syllables(word: str) -> int:
    """0 for a word with digits in it. Long words without a vowel pattern count at least 1."""
    from syllapy import count

    return int(count(word))
