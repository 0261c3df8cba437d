"""reference@c94da02 of IFBench (2025-10-17): the checkers that its later commits changed, as they were, for numbers from before.

What then stopped with an exception (an empty response, a text of few words) is a violation here.
"""

from typing import Any

from services.verifier.constraints.registry import Verdict
from services.verifier.constraints.versions.catalogue import changed
from services.verifier.text import Text
from services.verifier.text.english import PERSON_NAMES, without_punctuation
from services.verifier.text.words import tokens_of

_V = "reference@c94da02"
_AROUND_QUOTES = "0123456789!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PRONOUNS = frozenset(
    [
        "i",
        "me",
        "my",
        "mine",
        "myself",
        "we",
        "us",
        "our",
        "ours",
        "ourselves",
        "you",
        "your",
        "yours",
        "yourself",
        "yourselves",
        "he",
        "him",
        "his",
        "himself",
        "she",
        "her",
        "hers",
        "herself",
        "it",
        "its",
        "itself",
        "they",
        "them",
        "their",
        "theirs",
        "themselves",
    ]
)


@changed("count:person_names", _V, "Names count inside longer words too; since 6fffd61 as whole words.")
def person_names(text: Text, kw: Any) -> Verdict:
    found = sum(1 for name in PERSON_NAMES if name in text.raw)
    return Verdict(found >= kw.N, f"{found} names of the list, at least {kw.N} wanted")


@changed("count:pronouns", _V, "Personal, possessive and reflexive pronouns alone; since 34f0927 others too.")
def pronouns(text: Text, kw: Any) -> Verdict:
    words = without_punctuation(text.lower.replace("/", " ")).split()
    found = sum(1 for word in words if word in _PRONOUNS)
    return Verdict(found >= kw.N, f"{found} pronouns, at least {kw.N} wanted")


@changed("sentence:keyword", _V, "The keyword counts inside longer words too; since 6fffd61 as a whole word.")
def keyword(text: Text, kw: Any) -> Verdict:
    if len(text.sentences) < kw.N:
        return Verdict(False, f"{len(text.sentences)} sentences, no sentence {kw.N}")
    passed = kw.word.lower() in text.sentences[kw.N - 1].lower()
    return Verdict(passed, f'"{kw.word}" {"is" if passed else "is not"} in sentence {kw.N}')


@changed("format:quote_unquote", _V, "Typographic quotation marks count too; since 6fffd61 straight ones alone.")
def quote_unquote(text: Text, kw: Any) -> Verdict:
    straight = text.raw.replace("“", '"').replace("”", '"').replace("'\"'", "")
    value = "".join(straight.split())
    if '""' in value:
        return Verdict(False, "two quotation marks with nothing between them")
    core = value.strip(_AROUND_QUOTES)
    return Verdict(bool(core) and not core.endswith('"'), "the last quotation is explained, or is not")


@changed("words:keywords_specific_position", _V, "Punctuation takes places, and case counts; since 77fa122 neither.")
def keywords_specific_position(text: Text, kw: Any) -> Verdict:
    if len(text.sentences) < kw.n:
        return Verdict(False, f"{len(text.sentences)} sentences, no sentence {kw.n}")
    words = tokens_of([text.sentences[kw.n - 1]])
    if len(words) < kw.m:
        return Verdict(False, f"sentence {kw.n} has {len(words)} tokens, no token {kw.m}")
    found = words[kw.m - 1]
    return Verdict(found == kw.keyword.strip(), f"token {kw.m} of sentence {kw.n} is {found[:40]!r}")


@changed(
    "words:words_position", _V, "A final punctuation mark takes the last place, and case counts; since 86ee248 neither."
)
def words_position(text: Text, kw: Any) -> Verdict:
    tokens = text.tokens
    if len(tokens) < 2:
        return Verdict(False, f"{len(tokens)} words are too few")
    passed = tokens[1] == tokens[-2] == kw.keyword.strip()
    return Verdict(passed, f"second token {tokens[1][:40]!r}, second to last {tokens[-2][:40]!r}")


@changed(
    "repeat:repeat_span",
    _V,
    "Indices of words, the last left out; since b5c6b82 of characters, the last included.",
    description="Answer with the words from index {n_start} up to before index {n_end} of this text: {prompt_to_repeat}",
)
def repeat_span(text: Text, kw: Any) -> Verdict:
    span = kw.prompt_to_repeat.strip().lower().split()[kw.n_start : kw.n_end]
    return Verdict(text.lower.split() == span, f"{' '.join(span)[:80]!r} wanted")


@changed("format:title_case", _V, "A word of one small letter is let pass; since 6fffd61 it is not.")
def title_case(text: Text, kw: Any) -> Verdict:
    for token in text.tokens:
        if token[0].islower() and (token[1:].islower() or token[1:].isupper()):
            return Verdict(False, f"{token[:40]!r} is not in title case")
    return Verdict(True, "title case throughout")
