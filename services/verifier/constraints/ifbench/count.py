"""count: how many words, numbers, names, pronouns, conjunctions, keywords."""

import re

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import (
    COORDINATING_CONJUNCTIONS,
    EDGE,
    PERSON_NAMES,
    PRONOUNS,
    without_punctuation,
)

_DIGITS = re.compile(r"\d+")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_STANDARD_MARKS = ".,!?;:"


class WordCountRange(Kwargs):
    min_words: Count
    max_words: Count


@checker(
    "count:word_count_range",
    WordCountRange,
    "Write between {min_words} and {max_words} words.",
    summary="Runs of letters, digits and underscores, both limits included.",
)
def word_count_range(text: Text, kw: WordCountRange) -> Verdict:
    found = len(text.words)
    return Verdict(kw.min_words <= found <= kw.max_words, f"{found} words, {kw.min_words} to {kw.max_words} wanted")


class UniqueWordCount(Kwargs):
    N: Count


@checker(
    "count:unique_word_count",
    UniqueWordCount,
    "Use at least {N} different words.",
    summary="Different words, case and outer punctuation ignored; a lone punctuation mark counts as the empty word.",
)
def unique_word_count(text: Text, kw: UniqueWordCount) -> Verdict:
    found = len({word.strip(EDGE) for word in text.lower.split()})
    return Verdict(found >= kw.N, f"{found} different words, at least {kw.N} wanted")


class Conjunctions(Kwargs):
    small_n: Count


@checker(
    "count:conjunctions",
    Conjunctions,
    "Use at least {small_n} different coordinating conjunctions (and, but, or ...).",
    summary='Different spellings count apart, as in the reference: "and", "And" and "and," are three.',
)
def conjunctions(text: Text, kw: Conjunctions) -> Verdict:
    found = {word for word in text.raw.split() if word.strip(EDGE).lower() in COORDINATING_CONJUNCTIONS}
    return Verdict(len(found) >= kw.small_n, f"{len(found)} conjunctions, at least {kw.small_n} wanted")


class PersonNames(Kwargs):
    N: Count


@checker(
    "count:person_names",
    PersonNames,
    lambda kw: f"Mention at least {kw.N} different names out of this list: {', '.join(sorted(PERSON_NAMES))}.",
    summary="Names of the list that occur as whole words with their capital.",
)
def person_names(text: Text, kw: PersonNames) -> Verdict:
    found = PERSON_NAMES.intersection(text.words)
    return Verdict(len(found) >= kw.N, f"{len(found)} names of the list, at least {kw.N} wanted")


class Numbers(Kwargs):
    N: Count


@checker(
    "count:numbers",
    Numbers,
    "Use exactly {N} numbers.",
    summary='Runs of digits after punctuation is taken out: "1,000.5" is one number.',
)
def numbers(text: Text, kw: Numbers) -> Verdict:
    found = len(_DIGITS.findall(without_punctuation(text.raw)))
    return Verdict(found == kw.N, f"{found} numbers, exactly {kw.N} wanted")


class WordsJapanese(Kwargs):
    N: Positive


@checker(
    "count:words_japanese",
    WordsJapanese,
    "Make every {N}th word Japanese.",
    summary="Every Nth word contains a kana or a Chinese character; numbers and punctuation are excused.",
)
def words_japanese(text: Text, kw: WordsJapanese) -> Verdict:
    for i, word in enumerate(text.raw.split()[kw.N - 1 :: kw.N], start=1):
        core = word.strip(EDGE)
        if core and not core.isdigit() and not _JAPANESE.search(core):
            return Verdict(False, f"word {i * kw.N} is not Japanese: {core[:40]!r}")
    return Verdict(True, f"every {kw.N}th word is Japanese")


class Pronouns(Kwargs):
    N: Count


@checker(
    "count:pronouns",
    Pronouns,
    "Use at least {N} pronouns.",
    summary="Personal, possessive, reflexive, demonstrative, relative and indefinite pronouns, every occurrence.",
)
def pronouns(text: Text, kw: Pronouns) -> Verdict:
    tokens = Text(text.lower.replace("/", " ")).tokens
    found = sum(1 for token in tokens if token in PRONOUNS)
    return Verdict(found >= kw.N, f"{found} pronouns, at least {kw.N} wanted")


@checker(
    "count:punctuation",
    NoKwargs,
    "Use every standard punctuation mark at least once, semicolon, colon and interrobang (?!) included.",
    summary="An interrobang, and beside it each of the marks . , ! ? ; and : occurs.",
)
def punctuation(text: Text, kw: NoKwargs) -> Verdict:
    raw = text.raw
    if "?!" in raw:
        raw = raw.replace("?!", "", 1)
    elif "!?" in raw:
        raw = raw.replace("!?", "", 1)
    elif "‽" not in raw:
        return Verdict(False, "no interrobang")
    missing = [mark for mark in _STANDARD_MARKS if mark not in raw]
    return Verdict(not missing, f"missing: {' '.join(missing)}" if missing else "every punctuation mark used")


class KeywordsMultiple(Kwargs):
    keyword1: Phrase
    keyword2: Phrase
    keyword3: Phrase
    keyword4: Phrase
    keyword5: Phrase


@checker(
    "count:keywords_multiple",
    KeywordsMultiple,
    'Use the keyword "{keyword1}" once, "{keyword2}" twice, "{keyword3}" three times, "{keyword4}" five times and '
    '"{keyword5}" seven times.',
    summary="Exactly 1, 2, 3, 5 and 7 occurrences, case ignored, inside longer words too.",
)
def keywords_multiple(text: Text, kw: KeywordsMultiple) -> Verdict:
    for keyword, wanted in zip(
        (kw.keyword1, kw.keyword2, kw.keyword3, kw.keyword4, kw.keyword5), (1, 2, 3, 5, 7), strict=True
    ):
        found = text.lower.count(keyword.strip().lower())
        if found != wanted:
            return Verdict(False, f'"{keyword}" occurs {found} times, exactly {wanted} wanted')
    return Verdict(True, "every keyword occurs as often as wanted")
