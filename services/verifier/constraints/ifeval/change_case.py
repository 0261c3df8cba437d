"""change_case: capital and small letters."""

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Relation, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.words import capital_tokens


class CapitalWordFrequency(Kwargs):
    capital_frequency: Count
    capital_relation: Relation


@checker(
    "change_case:capital_word_frequency",
    CapitalWordFrequency,
    "Write {capital_relation} {capital_frequency} words entirely in capital letters.",
    summary='How many tokens are in capitals throughout ("I" and "A" count, as does "U.S.").',
)
def capital_word_frequency(text: Text, kw: CapitalWordFrequency) -> Verdict:
    found = capital_tokens(text.raw)
    if found is None:
        found = sum(map(str.isupper, text.tokens))
    passed = found < kw.capital_frequency if kw.capital_relation == "less than" else found >= kw.capital_frequency
    return Verdict(passed, f"{found} words in capitals, {kw.capital_relation} {kw.capital_frequency} wanted")


@checker(
    "change_case:english_capital",
    NoKwargs,
    "Write the whole response in English and in capital letters only.",
    summary="English, and no small letter.",
)
def english_capital(text: Text, kw: NoKwargs) -> Verdict:
    if not text.raw.isupper():
        return Verdict(False, "not all letters are capitals")
    return _english(text)


@checker(
    "change_case:english_lowercase",
    NoKwargs,
    "Write the whole response in English and in lowercase letters only.",
    summary="English, and no capital letter.",
)
def english_lowercase(text: Text, kw: NoKwargs) -> Verdict:
    if not text.raw.islower():
        return Verdict(False, "not all letters are lowercase")
    return _english(text)


def _english(text: Text) -> Verdict:
    """The reference accepts a text whose language cannot be told."""
    language = text.language
    return Verdict(language in ("en", None), f"language: {language or 'cannot be told, accepted'}")
