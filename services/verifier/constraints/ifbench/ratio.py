"""ratio: shares of stop words and sentence types, overlap with a text, equal sentences."""

from functools import lru_cache
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import STOP_WORDS

Percentage = Annotated[float, Field(ge=0, le=100, strict=True)]


class StopWords(Kwargs):
    percentage: Percentage


@checker(
    "ratio:stop_words",
    StopWords,
    "Let stop words be at most {percentage:g}% of all words.",
    summary="Share of English function words; a text without words fails.",
)
def stop_words(text: Text, kw: StopWords) -> Verdict:
    if not text.words:
        return Verdict(False, "no words")
    found = sum(1 for word in text.words if word.lower() in STOP_WORDS)
    share = found / len(text.words) * 100
    return Verdict(share <= kw.percentage, f"{share:.1f}% stop words, at most {kw.percentage:g}% wanted")


def _endings(text: Text) -> tuple[int, int, int]:
    """Sentences that end in a period, a question mark, an exclamation mark."""
    last = [sentence[-1:] for sentence in text.sentences]
    return last.count("."), last.count("?"), last.count("!")


@checker(
    "ratio:sentence_type",
    NoKwargs,
    "Write twice as many statements as questions.",
    summary="Exactly two sentences ending in a period for each ending in a question mark.",
)
def sentence_type(text: Text, kw: NoKwargs) -> Verdict:
    statements, questions, _ = _endings(text)
    return Verdict(statements == 2 * questions, f"{statements} statements and {questions} questions, 2 to 1 wanted")


@checker(
    "ratio:sentence_balance",
    NoKwargs,
    "Write equally many statements, questions and exclamations.",
    summary="Equally many sentences end in a period, in a question mark and in an exclamation mark.",
)
def sentence_balance(text: Text, kw: NoKwargs) -> Verdict:
    found = _endings(text)
    return Verdict(len(set(found)) == 1, "{} statements, {} questions, {} exclamations".format(*found))


class Overlap(Kwargs):
    reference_text: Phrase
    percentage: Percentage


@checker(
    "ratio:overlap",
    Overlap,
    "Let {percentage:g}% (2% more or less) of the character trigrams occur in this text too: {reference_text}",
    summary="Share of the response's different character trigrams that the reference text has too.",
)
def overlap(text: Text, kw: Overlap) -> Verdict:
    ours, theirs = _trigrams(text.raw), _trigrams_of_reference(kw.reference_text)
    if not ours:
        return Verdict(False, "no trigrams")
    share = len(ours & theirs) / len(ours) * 100
    passed = kw.percentage - 2 <= share <= kw.percentage + 2
    return Verdict(passed, f"{share:.1f}% overlap, {kw.percentage:g}% wanted, 2% more or less")


def _trigrams(raw: str) -> set[str]:
    return set(map("".join, zip(raw, raw[1:], raw[2:], strict=False)))


_trigrams_of_reference = lru_cache(maxsize=256)(_trigrams)


@checker(
    "ratio:sentence_words",
    NoKwargs,
    "Write three sentences of equally many characters.",
    summary="Three sentences of equal length; that all words differ is not checked by the reference.",
)
def sentence_words(text: Text, kw: NoKwargs) -> Verdict:
    lengths = [len(sentence.strip()) for sentence in text.sentences]
    if len(lengths) != 3:
        return Verdict(False, f"{len(lengths)} sentences, exactly 3 wanted")
    return Verdict(len(set(lengths)) == 1, "sentences of {}, {} and {} characters".format(*lengths))
