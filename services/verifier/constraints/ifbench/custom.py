"""custom: ids that are about one fixed task each."""

import re
import unicodedata
from itertools import pairwise

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import EDGE, without_punctuation

_MULTIPLES = [str(n) for n in range(14, 51, 7)]
_QUESTION = re.compile(r"Question \d+[.|):;]?\s*")
_OPTION = re.compile(r"[A-Ea-e][.|)]\s*\w")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_CAPITALS = (
    "Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw London "
    "Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb"
)


def _ascii(text: str) -> str:
    """Without accents and without what has no ASCII form. Per character, since long runs of accents are slow to normalise."""
    if text.isascii():
        return text
    plain = "".join(c if c.isascii() else unicodedata.normalize("NFKD", c) for c in text)
    return plain.encode("ascii", "ignore").decode("ascii")


@checker(
    "custom:multiples",
    NoKwargs,
    "Count from 10 to 50, writing only the multiples of 7.",
    summary="The numbers are 14, 21, 28, 35, 42, 49 and no other.",
)
def multiples(text: Text, kw: NoKwargs) -> Verdict:
    found = re.findall(r"\d+", text.raw)
    return Verdict(found == _MULTIPLES, f"numbers {', '.join(found[:10])[:80]}; {', '.join(_MULTIPLES)} wanted")


@checker(
    "custom:mcq_count_length",
    NoKwargs,
    "Write four multiple choice questions on 20th century art history with five options each, every question labelled "
    "Question and longer than the one before, without explanations.",
    summary="Four questions of five options A to E, each question longer than the one before.",
)
def mcq_count_length(text: Text, kw: NoKwargs) -> Verdict:
    if not text.raw.startswith("Question") and len(text.raw) > 1:
        return Verdict(False, "does not begin with Question")
    questions = [part.strip() for part in _QUESTION.split(text.raw) if part.strip()]
    if len(questions) != 4:
        return Verdict(False, f"{len(questions)} questions, exactly 4 wanted")
    before = -1
    for i, question in enumerate(questions, start=1):
        length, options = _question(question)
        if options != 5:
            return Verdict(False, f"question {i} has {options} options, exactly 5 wanted")
        if length <= before:
            return Verdict(False, f"question {i} is not longer than the one before")
        before = length
    return Verdict(True, "four questions of five options, each longer than the one before")


def _question(question: str) -> tuple[int, int]:
    """Length of the text before the first option, and the number of options."""
    lines, options = [], 0
    for line in question.split("\n"):
        if _OPTION.match(line.strip()):
            options += 1
        elif not options:
            lines.append(line.strip())
    return len(" ".join(lines).strip()), options


@checker(
    "custom:reverse_newline",
    NoKwargs,
    "List the countries of Africa in reverse alphabetical order, one on each line.",
    summary="From the line with Zimbabwe on, at least 52 lines in descending order, accents ignored.",
)
def reverse_newline(text: Text, kw: NoKwargs) -> Verdict:
    lines = [core for line in text.lines if (core := line.strip(EDGE))]
    start = next((i for i, line in enumerate(lines) if "Zimbabwe" in line), None)
    if start is None:
        return Verdict(False, "no line with Zimbabwe")
    countries = [_ascii(line) for line in lines[start:]]
    if len(countries) < 52:
        return Verdict(False, f"{len(countries)} lines from Zimbabwe on, at least 52 wanted")
    passed = all(a >= b for a, b in pairwise(countries))
    return Verdict(passed, f"{len(countries)} lines {'in' if passed else 'not in'} reverse order")


@checker(
    "custom:word_reverse",
    NoKwargs,
    "Say which animal is the national symbol of the US, with the words in reverse order.",
    summary='Read backwards word by word, it says "bald eagle".',
)
def word_reverse(text: Text, kw: NoKwargs) -> Verdict:
    words = without_punctuation(text.lower.strip()).split()
    passed = "bald eagle" in " ".join(reversed(words))
    return Verdict(passed, f'"bald eagle" {"found" if passed else "not found"} reading backwards')


@checker(
    "custom:character_reverse",
    NoKwargs,
    "Say which animal is the national symbol of the US, with the letters in reverse order.",
    summary='Contains "elgae dlab", case ignored.',
)
def character_reverse(text: Text, kw: NoKwargs) -> Verdict:
    passed = "elgae dlab" in text.lower
    return Verdict(passed, f'"elgae dlab" {"found" if passed else "not found"}')


@checker(
    "custom:sentence_alphabet",
    NoKwargs,
    "Tell a story of 26 sentences whose first words begin with A to Z in order.",
    summary="26 sentences, with initials a to z.",
)
def sentence_alphabet(text: Text, kw: NoKwargs) -> Verdict:
    if len(text.sentences) != 26:
        return Verdict(False, f"{len(text.sentences)} sentences, exactly 26 wanted")
    for i, sentence in enumerate(text.sentences):
        if sentence.strip()[:1].lower()[:1] != chr(ord("a") + i):
            return Verdict(False, f"sentence {i + 1} does not begin with {chr(ord('a') + i)}")
    return Verdict(True, "26 sentences from a to z")


@checker(
    "custom:european_capitals_sort",
    NoKwargs,
    "List the European capitals north of 45 degrees from north to south, without countries, separated by commas.",
    summary="Exactly the 27 capitals of the reference's list, in its order, accents ignored.",
)
def european_capitals_sort(text: Text, kw: NoKwargs) -> Verdict:
    found = [core for city in _ascii(text.raw).split(",") if (core := city.strip())]
    return Verdict(found == _CAPITALS.split(), f"{len(found)} capitals; the 27 of the list in their order wanted")


@checker(
    "custom:date_format_list",
    NoKwargs,
    "List the start dates of Napoleon's battles as YYYY-MM-DD, separated by commas, without explanations.",
    summary="Only dates, each within 1769 to 1821 and not beyond the end of its month.",
)
def date_format_list(text: Text, kw: NoKwargs) -> Verdict:
    for part in text.stripped.split(","):
        match = _DATE.fullmatch(part.strip())
        if match is None:
            return Verdict(False, f"{part.strip()[:40]!r} is not a date as YYYY-MM-DD")
        year, month, day = (int(group) for group in match.groups())
        if not 1769 <= year <= 1821 or month > 12 or (month > 0 and day > _DAYS.get(month, 31)):
            return Verdict(False, f"{part.strip()} cannot be one of the dates")
    return Verdict(True, "only dates")
