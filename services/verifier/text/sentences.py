r"""Splits English text into sentences.

The reference checkers of IFEval and IFBench split with Punkt (Kiss and Strunk 2006, "Unsupervised Multilingual Sentence
Boundary Detection") and its English model. Here are the same decisions with rules and word lists of our own
(`abbreviations.py`) in place of the trained model:

- `?` or `!` before white space or punctuation ends a sentence;
- a period does too, unless it ends an abbreviation, an initial ("J. Smith") or an ellipsis;
- after an abbreviation or an ellipsis, only a capitalised word that usually starts sentences begins a new one;
- a number with a period ("3.") ends a sentence unless a lower-case word or punctuation follows;
- closing quotes and brackets go with the sentence they close.

Linear in the length of the text.
"""

import re
from functools import lru_cache
from itertools import pairwise

from services.verifier.text.abbreviations import ABBREVIATIONS, DAYS_AND_MONTHS, LABEL_LETTERS, SENTENCE_STARTERS

_CLOSING = "\"')]}\u2018\u2019\u201c\u201d\u00ab\u00bb"
# Characters that stand apart from the word before them.
_APART = r"[)\";}\]*:@'({\[\u2018\u2019\u201c\u201d\u00ab\u00bb?!]"
_CANDIDATE = re.compile(rf"[.?!](?=({_APART})|\s+(\S+))")
# Punctuation alone, or a word up to the punctuation that ends it; a period stays with its word.
_TOKEN = re.compile(
    rf"-{{2,}}|\.{{2,}}|(?:\.\s){{2,}}\.|[^\s(\"`{{\[:;&#*@)}}\],-]\S*?(?=\s|$|{_APART}|-{{2,}}|\.{{2,}}|,(?=$|\s|{_APART}|-{{2,}}|\.{{2,}}))|\S"
)
_NUMBER = re.compile(r"-?[.,]?\d[\d,.-]*\.?")
_JOINS = re.compile(r"[-'(]")
_NAME_BEFORE = re.compile(r"\b[A-Z][a-z]+ $")
_REALIGN = re.compile(rf"[{re.escape(_CLOSING)}]+?(?:\s+|(?=--)|$)", re.MULTILINE)
_OTHER_WHITESPACE = "\t\n\r\x0b\x0c"


def split_sentences(text: str) -> list[str]:
    """Sentences in order, without the white space between them; [] for a blank text."""
    spans, start = [], 0
    for end, next_start in _sentence_breaks(text):
        spans.append((start, end))
        start = next_start
    spans.append((start, len(text.rstrip())))
    return _with_closing_punctuation(text, spans)


def _sentence_breaks(text: str) -> list[tuple[int, int]]:
    """(end of a sentence, start of the next one), in order.

    Candidates within one word ("what?!", 'end."') are one candidate: the last of them.
    """
    found: list[tuple[int, int]] = []
    flat = _with_plain_spaces(text)
    word_start, previous, previous_at = 0, None, -1
    floor = 0  # nothing before this belongs to the word in front of the next candidate
    for match in _CANDIDATE.finditer(text):
        at = match.start()
        space = flat.rfind(" ", floor, at)
        # The reference looks for the last space with an index that cannot tell "at the first position" from "none".
        start = space + 1 if space > floor else word_start
        if previous is not None and previous_at <= start and _ends_sentence(text, word_start, previous_at, previous):
            found.append(_break_after(previous))
        previous, previous_at, word_start, floor = match, at, start, at
    if previous is not None and _ends_sentence(text, word_start, previous_at, previous):
        found.append(_break_after(previous))
    return found


def _with_plain_spaces(text: str) -> str:
    for other in _OTHER_WHITESPACE:
        text = text.replace(other, " ")
    return text


def _break_after(match: re.Match[str]) -> tuple[int, int]:
    end, following = match.end(), match.start(2)
    return end, end if following < 0 else following


def _ends_sentence(text: str, word_start: int, at: int, match: re.Match[str]) -> bool:
    if text[at] != "." or at == word_start:
        return True
    word = text[word_start:at]
    if _is_plainly_no_abbreviation(word):
        return True
    after = match.group(1) or match.group(2)
    decide = _breaks_between if len(word) + len(after) <= 60 else _breaks_between.__wrapped__
    named = len(word) == 1 and _NAME_BEFORE.search(text, max(0, word_start - 30), word_start) is not None
    return decide(word, after, match.group(1) is not None, named)


def _is_plainly_no_abbreviation(word: str) -> bool:
    """The usual case, without a look at what follows: letters, or letters and periods, also after a hyphen, an apostrophe or a
    parenthesis. False where it takes a closer look."""
    if word.isalpha():
        return len(word) > 1 and word.lower() not in ABBREVIATIONS
    last = _JOINS.split(word)[-1]
    if len(last) == 1 and last.isalpha() and word[-2:-1] == "'":
        return True
    if len(last) < 2 or last.lower() in ABBREVIATIONS or word.lower() in ABBREVIATIONS:
        return False
    return last[0] != "." != last[-1] and ".." not in last and last.replace(".", "").isalpha()


@lru_cache(maxsize=20_000)
def _breaks_between(word: str, after: str, adjacent: bool, named: bool) -> bool:
    """Whether a sentence ends between the word before a period and what follows. A break anywhere between the two counts, as
    in the reference. `named`: the word is a letter, and follows one that may be a name."""
    tokens = [t.group() for t in _TOKEN.finditer(f"{word}.{after}" if adjacent else f"{word}. {after}")]
    return any(
        token in ("?", "!") or (token[-1] == "." and _period_ends_sentence(token, following, named))
        for token, following in pairwise(tokens)
    )


def _period_ends_sentence(token: str, following: str, named: bool) -> bool:
    """Whether the period that ends `token` ends a sentence, given the next token."""
    if token == ".":
        return True
    if _NUMBER.fullmatch(token):
        return not (following in ";:,.!?" or following[0].islower())
    if token.startswith(".."):
        return _starts_sentence(following)
    stem = token[:-1].lower()
    if len(stem) == 1 and stem.isalpha():
        if stem.isascii() and stem not in LABEL_LETTERS:
            return False
        if (named or stem == "j") and following[0].isupper():
            return _starts_sentence(following)
        return not _continues_a_name(following)
    last = stem.rsplit("-", 1)[-1]
    if (
        stem in ABBREVIATIONS
        or last in ABBREVIATIONS
        or (len(last) == 1 and last.isalpha() and last not in LABEL_LETTERS)
    ):
        return _starts_sentence(following)
    return True


def _continues_a_name(token: str) -> bool:
    """Whether a word after a single letter and a period goes on with the name that the letter is part of, as far as its form can
    tell; that "Smith" is a name and "Overview" is none, it cannot."""
    return token in ";:,.!?" or token[0].islower() or "." in token[:-1] or _is_name(token.lower().rstrip("."), token)


def _is_name(word: str, token: str) -> bool:
    return word in DAYS_AND_MONTHS or (token[-1] == "." and (word in ABBREVIATIONS or len(word) == 1))


def _starts_sentence(token: str) -> bool:
    return token[0].isupper() and token.lower().rstrip(".") in SENTENCE_STARTERS


def _with_closing_punctuation(text: str, spans: list[tuple[int, int]]) -> list[str]:
    sentences, shift = [], 0
    for i, (start, end) in enumerate(spans):
        start += shift
        shift = 0
        if i + 1 < len(spans):
            next_start, next_end = spans[i + 1]
            closing = (
                _REALIGN.match(text[next_start:next_end]) if text[next_start : next_start + 1] in _CLOSING else None
            )
            if closing:
                sentences.append(text[start : next_start + len(closing.group().rstrip())])
                shift = closing.end()
                continue
        if text[start:end]:
            sentences.append(text[start:end])
    return sentences
