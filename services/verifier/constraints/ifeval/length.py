"""length_constraints: words, sentences, paragraphs."""

import re
from dataclasses import replace

from services.verifier.constraints.registry import Count, Kwargs, Phrase, Positive, Relation, Verdict, checker
from services.verifier.text import Text

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD_ENDS = frozenset(".,?!'\"")


def _compare(found: int, relation: Relation, wanted: int, unit: str) -> Verdict:
    passed = found < wanted if relation == "less than" else found >= wanted
    return Verdict(passed, f"{found} {unit}, {relation} {wanted} wanted")


class NumberWords(Kwargs):
    num_words: Count
    relation: Relation


@checker(
    "length_constraints:number_words",
    NumberWords,
    "Answer in {relation} {num_words} words.",
    summary='Runs of letters, digits and underscores: "don\'t" counts as two.',
)
def number_words(text: Text, kw: NumberWords) -> Verdict:
    verdict = _compare(len(text.words), kw.relation, kw.num_words, "words")
    if verdict.passed or kw.relation != "less than":
        return verdict
    return replace(verdict, spans=_from_word(text.raw, max(1, kw.num_words) - 1))


def _from_word(raw: str, index: int) -> tuple[tuple[int, int], ...]:
    """From the first word that is too many to the end of the last."""
    words = list(_WORD.finditer(raw))
    return ((words[index].start(), words[-1].end()),) if index < len(words) else ()


class NumberSentences(Kwargs):
    num_sentences: Count
    relation: Relation


@checker(
    "length_constraints:number_sentences",
    NumberSentences,
    "Write {relation} {num_sentences} sentences.",
    summary="Sentences of English text.",
)
def number_sentences(text: Text, kw: NumberSentences) -> Verdict:
    return _compare(len(text.sentences), kw.relation, kw.num_sentences, "sentences")


class NumberParagraphs(Kwargs):
    num_paragraphs: Count


@checker(
    "length_constraints:number_paragraphs",
    NumberParagraphs,
    "Write exactly {num_paragraphs} paragraphs, separated by the Markdown divider ***",
    summary="Parts between *** dividers; an empty part is allowed only first or last.",
)
def number_paragraphs(text: Text, kw: NumberParagraphs) -> Verdict:
    parts = _DIVIDER.split(text.raw)
    if any(not part.strip() for part in parts[1:-1]):
        return Verdict(False, "an empty paragraph between two dividers")
    found = sum(1 for part in parts if part.strip())
    return Verdict(found == kw.num_paragraphs, f"{found} paragraphs, exactly {kw.num_paragraphs} wanted")


class NthParagraphFirstWord(Kwargs):
    num_paragraphs: Positive
    nth_paragraph: Positive
    first_word: Phrase


@checker(
    "length_constraints:nth_paragraph_first_word",
    NthParagraphFirstWord,
    "Write {num_paragraphs} paragraphs separated by blank lines; paragraph {nth_paragraph} begins with the word {first_word}.",
    summary="Number of paragraphs, and the first word of one of them up to its punctuation.",
)
def nth_paragraph_first_word(text: Text, kw: NthParagraphFirstWord) -> Verdict:
    """As in the reference, blank paragraphs do not count, but they do take a number."""
    paragraphs = text.raw.split("\n\n")
    found = sum(1 for paragraph in paragraphs if paragraph.strip())
    if kw.nth_paragraph > found:
        return Verdict(False, f"{found} paragraphs, no paragraph {kw.nth_paragraph}")
    paragraph = paragraphs[kw.nth_paragraph - 1].strip()
    if not paragraph:
        return Verdict(False, f"paragraph {kw.nth_paragraph} is blank")
    word = ""
    for letter in paragraph.split(maxsplit=1)[0].lstrip("'").lstrip('"'):
        if letter in _WORD_ENDS:
            break
        word += letter.lower()
    passed = found == kw.num_paragraphs and word == kw.first_word.lower()
    return Verdict(
        passed,
        f"{found} paragraphs, {kw.num_paragraphs} wanted; paragraph {kw.nth_paragraph} begins with {word[:40]!r}, "
        f"{kw.first_word!r} wanted",
    )
