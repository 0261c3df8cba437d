"""fixed@1 of IFBench: where the reference checks something else than its instruction says. No instruction is changed.

Several are reported upstream: allenai/IFBench pull request 34, scitix/sieval pull request 105.
"""

import re
from itertools import pairwise
from typing import Any

from services.verifier.constraints.registry import Verdict
from services.verifier.constraints.versions.catalogue import changed
from services.verifier.text import Text
from services.verifier.text.english import COORDINATING_CONJUNCTIONS, EDGE, without_punctuation
from services.verifier.text.sentences import split_sentences

_V = "fixed@1"
_CLOSING = "\"'”’)]*_ "
_CORE = re.compile(r"[^\W_]")
_BULLET = re.compile(r"\*(?:\s|[^*\s][^*]*$)")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_LABELS = ("My Answer:", "My Conclusion:", "Future Outlook:")


@changed(
    "count:conjunctions", _V, 'The reference counts "and", "And" and "and," as three; here they are one conjunction.'
)
def conjunctions(text: Text, kw: Any) -> Verdict:
    found = {core for w in text.lower.split() if (core := w.strip(EDGE)) in COORDINATING_CONJUNCTIONS}
    return Verdict(len(found) >= kw.small_n, f"{len(found)} conjunctions, at least {kw.small_n} wanted")


def _endings(text: Text) -> tuple[int, int, int]:
    """Sentences that end in . ? !, a closing quotation mark or bracket after it left out."""
    last = [sentence.rstrip(_CLOSING)[-1:] for sentence in text.sentences]
    return last.count("."), last.count("?"), last.count("!")


@changed(
    "ratio:sentence_type",
    _V,
    "The reference passes a text without questions (0 is twice 0) and leaves out sentences that end in a quotation mark.",
)
def sentence_type(text: Text, kw: Any) -> Verdict:
    statements, questions, _ = _endings(text)
    passed = questions > 0 and statements == 2 * questions
    return Verdict(passed, f"{statements} statements and {questions} questions, 2 to 1 wanted")


@changed(
    "ratio:sentence_balance",
    _V,
    "The reference passes a text of none of the three kinds and leaves out sentences that end in a quotation mark.",
)
def sentence_balance(text: Text, kw: Any) -> Verdict:
    found = _endings(text)
    return Verdict(found[0] > 0 and len(set(found)) == 1, "{} statements, {} questions, {} exclamations".format(*found))


@changed(
    "ratio:sentence_words", _V, "The reference does not look whether all words are different, as the instruction asks."
)
def sentence_words(text: Text, kw: Any) -> Verdict:
    lengths = [len(sentence.strip()) for sentence in text.sentences]
    if len(lengths) != 3:
        return Verdict(False, f"{len(lengths)} sentences, exactly 3 wanted")
    words = [core for w in text.lower.split() if (core := w.strip(EDGE))]
    if len(set(words)) != len(words):
        return Verdict(False, "a word occurs twice")
    return Verdict(len(set(lengths)) == 1, "sentences of {}, {} and {} characters".format(*lengths))


@changed("ratio:overlap", _V, "The reference compares trigrams of characters; the instruction's trigrams are of words.")
def overlap(text: Text, kw: Any) -> Verdict:
    ours, theirs = _trigrams(text.raw), _trigrams(kw.reference_text)
    if not ours:
        return Verdict(False, "no trigrams")
    share = len(ours & theirs) / len(ours) * 100
    passed = kw.percentage - 2 <= share <= kw.percentage + 2
    return Verdict(passed, f"{share:.1f}% overlap of words, {kw.percentage:g}% wanted, 2% more or less")


def _trigrams(raw: str) -> set[tuple[str, ...]]:
    words = [core for w in raw.lower().split() if (core := w.strip(EDGE))]
    return set(zip(words, words[1:], words[2:], strict=False))


@changed(
    "format:sub-bullets",
    _V,
    "The reference takes any asterisk for a bullet and any dash for a sub-bullet, and passes a text without bullets.",
)
def sub_bullets(text: Text, kw: Any) -> Verdict:
    bullets: list[int] = []
    for line in text.lines:
        core = line.strip()
        if _BULLET.match(core):
            bullets.append(0)
        elif bullets and re.match(r"-(?!-)", core):
            bullets[-1] += 1
    passed = bool(bullets) and all(bullets)
    return Verdict(passed, f"{len(bullets)} bullets, {sum(map(bool, bullets))} of them with a sub-bullet")


@changed(
    "format:line_indent", _V, "The reference leaves out only every other of neighbouring blank lines; here all of them."
)
def line_indent(text: Text, kw: Any) -> Verdict:
    indents = [len(line) - len(line.lstrip(" ")) for line in text.lines if line.strip()]
    passed = all(b > a for a, b in pairwise(indents))
    return Verdict(passed, "every line is indented further" if passed else "a line is not indented further")


@changed(
    "format:no_bullets_bullets", _V, "In the reference a blank line ends the sentences; here blank lines are left out."
)
def sentences_then_bullets(text: Text, kw: Any) -> Verdict:
    sentences, bullets = 0, 0
    for line in filter(None, map(str.strip, text.lines)):
        if line.startswith("*") and not line.startswith("**"):
            if sentences < 2:
                return Verdict(False, f"{sentences} sentences before the first bullet, at least 2 wanted")
            bullets += 1
        elif bullets:
            return Verdict(False, "text after a bullet that is not a bullet")
        else:
            sentences += sum(1 for s in split_sentences(line) if s.rstrip(_CLOSING).endswith("."))
    return Verdict(bullets >= 2, f"{bullets} bullets, at least 2 wanted")


@changed(
    "format:quote_unquote", _V, "The reference looks at straight quotation marks only; here at typographic ones too."
)
def quote_unquote(text: Text, kw: Any) -> Verdict:
    straight = text.raw.replace("“", '"').replace("”", '"').replace("'\"'", "")
    value = "".join(straight.split())
    if '""' in value:
        return Verdict(False, "two quotation marks with nothing between them")
    tail = value.rpartition('"')[2]
    passed = '"' not in value or bool(_CORE.search(tail))
    return Verdict(passed, "every quotation is explained" if passed else "ends with a quotation")


@changed("format:output_template", _V, "The reference takes the labels in any order; the template has one.")
def output_template(text: Text, kw: Any) -> Verdict:
    at = [text.raw.find(label) for label in _LABELS]
    return Verdict(0 <= at[0] < at[1] < at[2], f"labels at {at}; all three in the template's order wanted")


@changed(
    "words:words_position",
    _V,
    "The reference's places move with punctuation inside of the text; here words alone are counted.",
)
def words_position(text: Text, kw: Any) -> Verdict:
    words = [token.lower() for token in text.tokens if _CORE.search(token)]
    if len(words) < 2:
        return Verdict(False, f"{len(words)} words are too few")
    passed = words[1] == words[-2] == kw.keyword.strip().lower()
    return Verdict(passed, f"second word {words[1][:40]!r}, second to last {words[-2][:40]!r}")


@changed(
    "repeat:repeat_span",
    _V,
    "The reference cuts by characters where the instruction says that the indices are of words, the last included.",
    description="Answer with the words from index {n_start} to index {n_end}, both included, of this text: {prompt_to_repeat}",
)
def repeat_span(text: Text, kw: Any) -> Verdict:
    span = kw.prompt_to_repeat.lower().split()[kw.n_start : kw.n_end + 1]
    return Verdict(text.lower.split() == span, f"{' '.join(span)[:80]!r} wanted")


@changed(
    "custom:sentence_alphabet",
    _V,
    "In the reference a quotation mark is a sentence's first letter; here it is left out.",
)
def sentence_alphabet(text: Text, kw: Any) -> Verdict:
    if len(text.sentences) != 26:
        return Verdict(False, f"{len(text.sentences)} sentences, exactly 26 wanted")
    for i, sentence in enumerate(text.sentences):
        first = _CORE.search(sentence)
        if first is None or first.group().lower() != chr(ord("a") + i):
            return Verdict(False, f"sentence {i + 1} does not begin with {chr(ord('a') + i)}")
    return Verdict(True, "26 sentences from a to z")


@changed("custom:date_format_list", _V, "The reference accepts month 0 and any day in it, and day 0.")
def date_format_list(text: Text, kw: Any) -> Verdict:
    for part in text.stripped.split(","):
        match = _DATE.fullmatch(part.strip())
        if match is None:
            return Verdict(False, f"{part.strip()[:40]!r} is not a date as YYYY-MM-DD")
        year, month, day = map(int, match.groups())
        if not (1769 <= year <= 1821 and 1 <= month <= 12 and 1 <= day <= _DAYS.get(month, 31)):
            return Verdict(False, f"{part.strip()} cannot be one of the dates")
    return Verdict(True, "only dates")


@changed("count:keywords_multiple", _V, "The reference counts keywords inside longer words too; here whole words.")
def keywords_multiple(text: Text, kw: Any) -> Verdict:
    given = (kw.keyword1, kw.keyword2, kw.keyword3, kw.keyword4, kw.keyword5)
    for keyword, wanted in zip(given, (1, 2, 3, 5, 7), strict=True):
        found = len(re.findall(rf"(?<!\w){re.escape(keyword.strip())}(?!\w)", text.raw, re.IGNORECASE))
        if found != wanted:
            return Verdict(False, f'"{keyword}" occurs {found} times, exactly {wanted} wanted')
    return Verdict(True, "every keyword occurs as often as wanted")


@changed(
    "words:no_consecutive",
    _V,
    "The reference takes the last word of a paragraph or heading and the first of the next for neighbours; here lines are apart.",
)
def no_consecutive(text: Text, kw: Any) -> Verdict:
    for line in text.lower.split("\n"):
        words = without_punctuation(line).split()
        for a, b in pairwise(words):
            if a[0] == b[0]:
                return Verdict(False, f"{a[:40]!r} and {b[:40]!r} begin alike")
    return Verdict(True, "no neighbours begin alike")
