"""words: initials, vowels, lengths, syllables, repetition of words."""

import re
from collections import Counter
from string import ascii_lowercase

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import EDGE, PUNCTUATION, starts_with_verb, without_punctuation
from services.verifier.text.syllables import syllables

_CLUSTER = re.compile(r"[bcdfghjklmnpqrstvwxyz]{2}")
_PRIMES = frozenset(n for n in range(2, 98) if all(n % d for d in range(2, n)))


@checker(
    "words:alphabet",
    NoKwargs,
    "Begin each word with the next letter of the alphabet, with A again after Z.",
    summary="Initials follow one another in the alphabet, from any letter on.",
)
def alphabet(text: Text, kw: NoKwargs) -> Verdict:
    words = without_punctuation(text.raw).split()
    if not words:
        return Verdict(False, "no words")
    at = ascii_lowercase.find(words[0][0].lower())
    if at < 0 or len(words[0][0].lower()) > 1:
        return Verdict(False, f"{words[0][:40]!r} does not begin with a Latin letter")
    for word in words[1:]:
        at = (at + 1) % 26
        if word.lower()[0] != ascii_lowercase[at]:
            return Verdict(False, f"{word[:40]!r} should begin with {ascii_lowercase[at]}")
    return Verdict(True, "initials follow the alphabet")


@checker(
    "words:vowel",
    NoKwargs,
    "Write one paragraph with at most three different vowels.",
    summary="One line, with at most three of a, e, i, o, u.",
)
def vowel(text: Text, kw: NoKwargs) -> Verdict:
    lines = text.stripped.count("\n") + 1
    if lines != 1:
        return Verdict(False, f"{lines} lines, one wanted")
    found = [v for v in "aeiou" if v in text.lower]
    return Verdict(len(found) <= 3, f"vowels {', '.join(found)}; at most 3 wanted")


@checker(
    "words:consonants",
    NoKwargs,
    "Use only words with two consonants next to each other.",
    summary="Two adjacent English consonants, y among them, in every word.",
)
def consonants(text: Text, kw: NoKwargs) -> Verdict:
    word = next((word for word in text.lower.split() if not _CLUSTER.search(word)), None)
    return Verdict(
        word is None, f"no consonant cluster in {word[:40]!r}" if word else "a consonant cluster in every word"
    )


@checker(
    "words:palindrome",
    NoKwargs,
    "Use at least ten palindromes of at least five letters.",
    summary="Words of five characters or more that read the same backwards, every occurrence.",
)
def palindrome(text: Text, kw: NoKwargs) -> Verdict:
    words = without_punctuation(text.raw).lower().split()
    found = sum(1 for word in words if len(word) >= 5 and word == word[::-1])
    return Verdict(found >= 10, f"{found} palindromes, at least 10 wanted")


@checker(
    "words:prime_lengths",
    NoKwargs,
    "Use only words whose number of letters is a prime number.",
    summary="Lengths 2, 3, 5, 7 ... up to 97, punctuation taken out.",
)
def prime_lengths(text: Text, kw: NoKwargs) -> Verdict:
    word = next((word for word in without_punctuation(text.raw).split() if len(word) not in _PRIMES), None)
    return Verdict(word is None, f"{word[:40]!r} has {len(word)} letters" if word else "every length is prime")


@checker(
    "words:start_verb",
    NoKwargs,
    "Begin the response with a verb.",
    summary="The first word is a verb form, judged by a word list and its ending.",
)
def start_verb(text: Text, kw: NoKwargs) -> Verdict:
    first = text.tokens[0] if text.tokens else ""
    passed = starts_with_verb(first)
    return Verdict(passed, f"begins with {first[:40]!r}, {'a verb' if passed else 'not taken for a verb'}")


class Repeats(Kwargs):
    small_n: Count


@checker(
    "words:repeats",
    Repeats,
    "Use no word more than {small_n} times.",
    summary="Occurrences of each word, case and punctuation ignored.",
)
def repeats(text: Text, kw: Repeats) -> Verdict:
    counts = Counter(text.lower.translate(PUNCTUATION).split()).most_common(1)
    if not counts:
        return Verdict(True, "no words")
    word, found = counts[0]
    return Verdict(found <= kw.small_n, f"{word[:40]!r} occurs {found} times, at most {kw.small_n} wanted")


@checker(
    "words:odd_even_syllables",
    NoKwargs,
    "Alternate words of an odd and an even number of syllables.",
    summary="Neighbouring words differ in the parity of their syllables.",
)
def odd_even_syllables(text: Text, kw: NoKwargs) -> Verdict:
    previous: str | None = None
    parity = -1
    for word in text.raw.translate(PUNCTUATION).lower().split():
        now = syllables(word) % 2
        if now == parity:
            return Verdict(False, f"{previous!r} and {word[:40]!r} are both {'odd' if now else 'even'}")
        previous, parity = word[:40], now
    return Verdict(True, "odd and even words alternate")


@checker(
    "words:no_consecutive",
    NoKwargs,
    "Never let two neighbouring words begin with the same letter.",
    summary="Neighbouring words have different initials, case and punctuation ignored.",
)
def no_consecutive(text: Text, kw: NoKwargs) -> Verdict:
    words = text.lower.translate(PUNCTUATION).split()
    for i in range(len(words) - 1):
        if words[i][0] == words[i + 1][0]:
            return Verdict(False, f"{words[i][:40]!r} and {words[i + 1][:40]!r} begin alike")
    return Verdict(True, "no neighbours begin alike")


@checker(
    "words:last_first",
    NoKwargs,
    "Begin each sentence with the last word of the sentence before it.",
    summary="Last and first words of neighbouring sentences are equal, case and outer punctuation ignored.",
)
def last_first(text: Text, kw: NoKwargs) -> Verdict:
    sentences = text.sentences
    for i in range(len(sentences) - 1):
        last = sentences[i].rstrip(EDGE).split()[-1:]
        first = sentences[i + 1].lstrip(EDGE).split()[:1]
        if not last or not first or last[0].lower() != first[0].lower():
            return Verdict(False, f"sentence {i + 2} does not begin with the last word of sentence {i + 1}")
    return Verdict(True, "each sentence begins with the last word of the one before")


@checker(
    "words:paragraph_last_first",
    NoKwargs,
    "End each paragraph with the word it begins with; each paragraph is one line.",
    summary="First and last words of every line are equal, case and outer punctuation ignored.",
)
def paragraph_last_first(text: Text, kw: NoKwargs) -> Verdict:
    for line in text.lower.split("\n"):
        words = line.strip().strip(EDGE).split()
        if words and words[0] != words[-1]:
            return Verdict(False, f"a paragraph begins with {words[0][:40]!r} and ends with {words[-1][:40]!r}")
    return Verdict(True, "every paragraph ends with its first word")
