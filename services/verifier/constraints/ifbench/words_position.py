"""words: a keyword at a given place."""

import re
from string import punctuation

from services.verifier.constraints.registry import Kwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.words import tokens_of

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


class KeywordsSpecificPosition(Kwargs):
    keyword: Phrase
    n: Positive
    m: Positive


@checker(
    "words:keywords_specific_position",
    KeywordsSpecificPosition,
    'Make "{keyword}" word {m} of sentence {n}.',
    summary="One token of one sentence, case ignored; tokens without a letter or digit are not counted.",
)
def keywords_specific_position(text: Text, kw: KeywordsSpecificPosition) -> Verdict:
    if len(text.sentences) < kw.n:
        return Verdict(False, f"{len(text.sentences)} sentences, no sentence {kw.n}")
    words = [t for t in tokens_of([text.sentences[kw.n - 1]]) if _LETTER_OR_DIGIT.search(t)]
    if len(words) < kw.m:
        return Verdict(False, f"sentence {kw.n} has {len(words)} words, no word {kw.m}")
    found = words[kw.m - 1]
    return Verdict(found.lower() == kw.keyword.strip().lower(), f"word {kw.m} of sentence {kw.n} is {found[:40]!r}")


class WordsPosition(Kwargs):
    keyword: Phrase


@checker(
    "words:words_position",
    WordsPosition,
    'Make "{keyword}" the second word and the second to last word.',
    summary="Second token, and second to last token before a final punctuation mark; case ignored.",
)
def words_position(text: Text, kw: WordsPosition) -> Verdict:
    tokens = [token.lower() for token in text.tokens]
    back = 3 if tokens and tokens[-1] in punctuation else 2
    if len(tokens) < back:
        return Verdict(False, f"{len(tokens)} words are too few")
    passed = tokens[1] == tokens[-back] == kw.keyword.strip().lower()
    return Verdict(passed, f"second word {tokens[1][:40]!r}, second to last {tokens[-back][:40]!r}")
