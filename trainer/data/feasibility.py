"""Can one text keep to all these constraints? What a program can tell from the constraints alone.

Three readings: each constraint by itself (known id, right kwargs, meant for this language), limits on one quantity that exclude each
other, and pairs that ask for opposite things. Silence is no proof that a text exists; a message is proof that none does, or that the
constraint asks for another language than the prompt's.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rlmr.wire import Constraint
from services.verifier.constraints import ConstraintError, check, prepare

ENGLISH_ONLY = frozenset(
    {
        "change_case:english_capital",
        "change_case:english_lowercase",
        "change_case:capital_word_frequency",
        "readability:grade",
        "narration:tense",
        "length_constraints:number_words",
        "length_constraints:number_sentences",
    }
)
"""Their tests read English; of a Chinese text they say nothing useful (one Chinese sentence is one `word` to IFEval)."""
MARKED_UP = frozenset(
    {
        "detectable_format:number_bullet_lists",
        "detectable_format:number_highlighted_sections",
        "markup:headings",
        "markup:list_items",
        "markup:table",
    }
)
WHOLE_FORM = frozenset(
    {"detectable_format:json_format", "markup:json_object", "markup:xml", "markup:yaml_mapping", "startend:quotation"}
)
"""Each decides what the whole response is: no two of them at once."""
ONE_OF_A_KIND = frozenset(
    {
        "language:response_language",
        "narration:point_of_view",
        "narration:tense",
        "script:language",
        "script:only",
        "startend:end_checker",
        "structure:begins_with",
        "structure:ends_with",
        "verse:acrostic",
        "verse:rhyme_scheme",
        "verse:syllables",
    }
)
_OPPOSITES = (
    ({"change_case:english_capital"}, {"change_case:english_lowercase"}),
    ({"dialogue:none"}, {"dialogue:count", "dialogue:share", "startend:quotation"}),
    ({"markup:no_markdown"}, set(MARKED_UP)),
)


@dataclass
class Limits:
    """Least and greatest value, with who asks for them."""

    low: float = 0
    high: float = math.inf
    low_by: str = ""
    high_by: str = ""

    def meet(self, low: float | None, high: float | None, by: str) -> None:
        if low is not None and low > self.low:
            self.low, self.low_by = low, by
        if high is not None and high < self.high:
            self.high, self.high_by = high, by


def problems(constraints: Sequence[Constraint], language: str | None = None) -> list[str]:
    """Why no text keeps to all of them; empty if nothing was found."""
    found = []
    for constraint in constraints:
        if constraint.type == "judge":
            if not constraint.text:
                found.append("judge: text is missing")
            continue
        try:
            prepare(constraint.type, constraint.kwargs)
        except ConstraintError as exc:
            found.append(str(exc))
            continue
        found += _wrong_language(constraint, language)
    if found:
        return found
    rules = [c for c in constraints if c.type != "judge"]
    return [*_exclusive_limits(rules), *_opposites(rules), *_phrases(rules)]


def _wrong_language(constraint: Constraint, language: str | None) -> list[str]:
    if language == "zh" and constraint.type in ENGLISH_ONLY:
        return [f"{constraint.type}: reads English, and the prompt is Chinese"]
    wanted = constraint.kwargs.get("language")
    if language and constraint.type in ("language:response_language", "script:language") and isinstance(wanted, str):
        return (
            []
            if wanted.split("-")[0] == language
            else [f"{constraint.type}: asks for {wanted!r}, the prompt is {language!r}"]
        )
    return []


def _exclusive_limits(constraints: Iterable[Constraint]) -> list[str]:
    limits: dict[str, Limits] = {}
    for constraint in constraints:
        for quantity, low, high in _quantities(constraint):
            limits.setdefault(quantity, Limits()).meet(low, high, constraint.type)
    found = [
        f"{quantity}: {limit.low_by} wants at least {limit.low:g}, {limit.high_by} at most {limit.high:g}"
        for quantity, limit in limits.items()
        if limit.low > limit.high
    ]
    # A larger part holds at least one smaller one: paragraphs and lines hold sentences or words, sentences hold words, words characters.
    for larger, smaller in (
        ("paragraphs", "words"),
        ("lines", "words"),
        ("sentences", "words"),
        ("words", "characters"),
        ("paragraphs", "lines"),
    ):
        if larger in limits and smaller in limits and limits[larger].low > limits[smaller].high:
            a, b = limits[larger], limits[smaller]
            found.append(f"{a.low_by} wants at least {a.low:g} {larger}, {b.high_by} at most {b.high:g} {smaller}")
    if {"sentences", "words", "words per sentence"} <= limits.keys():
        most = limits["sentences"].high * limits["words per sentence"].high
        least = limits["sentences"].low * limits["words per sentence"].low
        if most < limits["words"].low:
            found.append(
                f"at most {most:g} words fit the sentences asked for, {limits['words'].low_by} wants {limits['words'].low:g}"
            )
        if least > limits["words"].high:
            found.append(
                f"the sentences asked for take {least:g} words, {limits['words'].high_by} allows {limits['words'].high:g}"
            )
    return found


def _quantities(constraint: Constraint) -> list[tuple[str, float | None, float | None]]:
    kind, kwargs = constraint.type, constraint.kwargs
    name = {
        "length:words": "words",
        "length:sentences": "sentences",
        "length:paragraphs": "paragraphs",
        "length:lines": "lines",
        "length:characters": "characters",
        "length:words_per_sentence": "words per sentence",
        "length:words_per_paragraph": "words per paragraph",
        "dialogue:count": "passages of dialogue",
        "symbols:emoji": "emoji",
        "verse:stanzas": "stanzas",
    }.get(kind)
    if name:
        return [(name, kwargs.get("min"), kwargs.get("max"))]
    related = {
        "length_constraints:number_words": ("words", "num_words", "relation"),
        "length_constraints:number_sentences": ("sentences", "num_sentences", "relation"),
        "keywords:frequency": (f"occurrences of {str(kwargs.get('keyword')).lower()!r}", "frequency", "relation"),
        "keywords:letter_frequency": (
            f"letters {str(kwargs.get('letter')).lower()!r}",
            "let_frequency",
            "let_relation",
        ),
    }.get(kind)
    if related:
        quantity, number, relation = related
        value = kwargs[number]
        return [(quantity, None, value - 1) if kwargs[relation] == "less than" else (quantity, value, None)]
    if kind in ("keywords:existence", "wording:required_phrases"):
        phrases = kwargs.get("keywords") or kwargs.get("phrases") or ()
        longest = max((len("".join(phrase.split())) for phrase in phrases), default=0)
        counts = [(f"occurrences of {phrase.lower()!r}", kwargs.get("times", 1), None) for phrase in phrases]
        return [*counts, ("characters", longest, None)]
    return []


def _opposites(constraints: Sequence[Constraint]) -> list[str]:
    found = []
    for a, b in combinations(constraints, 2):
        kinds = {a.type, b.type}
        for one, other in _OPPOSITES:
            if (a.type in one and b.type in other) or (b.type in one and a.type in other):
                needs = b if a.type in one else a
                if needs.kwargs.get("min", 1) or needs.kwargs.get("max") is None:
                    found.append(f"{a.type} and {b.type} ask for opposite things")
        if len(kinds) == 2 and kinds <= WHOLE_FORM:
            found.append(f"{a.type} and {b.type} each decide the form of the whole text")
        if a.type == b.type and a.type in ONE_OF_A_KIND and a.kwargs != b.kwargs:
            found.append(f"{a.type} is asked for twice, differently")
    return found


def _phrases(constraints: Sequence[Constraint]) -> list[str]:
    """Text that must occur is put before every constraint that forbids text. (Not before those on case: phrases count in any case.)"""
    forbidding = {
        "keywords:forbidden_words",
        "wording:forbidden_phrases",
        "punctuation:no_comma",
        "notation:no_digits",
        "wording:no_cliches",
        "symbols:punctuation_limit",
    }
    return [
        f"{need.type} needs {phrase!r}, which {ban.type} forbids"
        for need in constraints
        for phrase in _required(need.type, need.kwargs)
        for ban in constraints
        if ban.type in forbidding and not check(ban.type, ban.kwargs, "", phrase).passed
    ]


def _required(kind: str, kwargs: dict[str, Any]) -> list[str]:
    if kind == "keywords:frequency":
        return [kwargs["keyword"]] if kwargs["relation"] == "at least" and kwargs["frequency"] else []
    one = {"startend:end_checker": "end_phrase", "structure:begins_with": "phrase", "structure:ends_with": "phrase"}
    many = {"keywords:existence": "keywords", "wording:required_phrases": "phrases", "structure:order": "elements"}
    if kind in one:
        return [kwargs[one[kind]]]
    return list(kwargs[many[kind]]) if kind in many else []
