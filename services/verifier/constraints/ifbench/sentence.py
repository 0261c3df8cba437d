"""sentence: what sentences contain and how they follow one another."""

import re

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import EDGE, without_punctuation


@checker(
    "sentence:alliteration_increment",
    NoKwargs,
    "Let each sentence have a longer run of words with the same initial than the sentence before it.",
    summary="Words that belong to a run of at least two with one initial, counted per sentence, strictly growing.",
)
def alliteration_increment(text: Text, kw: NoKwargs) -> Verdict:
    before = -1
    for i, sentence in enumerate(text.sentences, start=1):
        found = _alliterating([core[0] for word in sentence.lower().split() if (core := word.lstrip(EDGE))])
        if found <= before:
            return Verdict(False, f"sentence {i} has {found} alliterating words, more than {before} wanted")
        before = found
    return Verdict(True, "alliteration grows from sentence to sentence")


def _alliterating(initials: list[str]) -> int:
    count, running = 0, False
    for i in range(len(initials) - 1):
        same = initials[i] == initials[i + 1]
        if same:
            count += 1 if running else 2
        running = same
    return count


class Keyword(Kwargs):
    word: Phrase
    N: Positive


@checker(
    "sentence:keyword",
    Keyword,
    'Use the word "{word}" in sentence {N}.',
    summary="The keyword as a whole word, case ignored, in one sentence.",
)
def keyword(text: Text, kw: Keyword) -> Verdict:
    if len(text.sentences) < kw.N:
        return Verdict(False, f"{len(text.sentences)} sentences, no sentence {kw.N}")
    passed = re.search(rf"\b{re.escape(kw.word)}\b", text.sentences[kw.N - 1], re.IGNORECASE) is not None
    return Verdict(passed, f'"{kw.word}" {"is" if passed else "is not"} in sentence {kw.N}')


class Increment(Kwargs):
    small_n: Count


@checker(
    "sentence:increment",
    Increment,
    "Let each sentence have exactly {small_n} words more than the one before it.",
    summary="Words per sentence, punctuation taken out.",
)
def increment(text: Text, kw: Increment) -> Verdict:
    counts = [len(without_punctuation(sentence).split()) for sentence in text.sentences]
    for i in range(1, len(counts)):
        if counts[i] != counts[i - 1] + kw.small_n:
            return Verdict(
                False, f"sentence {i + 1} has {counts[i]} words, exactly {counts[i - 1] + kw.small_n} wanted"
            )
    return Verdict(True, f"each sentence has {kw.small_n} words more than the one before")
