"""Contradictions are found, and constraints that a text was shown to keep are not called contradictory."""

from typing import Any

import pytest

from rlmr.wire import Constraint
from services.verifier.constraints import check
from trainer.data.feasibility import problems


def ask(*pairs: tuple[str, dict[str, Any]]) -> list[Constraint]:
    return [Constraint(type=kind, kwargs=kwargs) for kind, kwargs in pairs]


IMPOSSIBLE = {
    "unknown id": (ask(("length:wrods", {"max": 3})), "en", "unknown constraint id"),
    "wrong kwargs": (ask(("length:words", {"max": -3})), "en", "length:words: max"),
    "least above greatest": (ask(("length:words", {"min": 100}), ("length:words", {"max": 50})), "en", "at least 100"),
    "two vocabularies": (
        ask(
            ("length:words", {"min": 60}),
            ("length_constraints:number_words", {"num_words": 60, "relation": "less than"}),
        ),
        "en",
        "at most 59",
    ),
    "more sentences than words": (
        ask(("length:sentences", {"min": 30}), ("length:words", {"max": 20})),
        "en",
        "sentences",
    ),
    "sentences too short": (
        ask(("length:sentences", {"max": 3}), ("length:words_per_sentence", {"max": 8}), ("length:words", {"min": 50})),
        "en",
        "at most 24 words",
    ),
    "needed and forbidden": (
        ask(
            ("keywords:existence", {"keywords": ["harbor"]}),
            ("keywords:forbidden_words", {"forbidden_words": ["Harbor"]}),
        ),
        "en",
        "needs 'harbor'",
    ),
    "a comma in what must be said": (
        ask(("structure:ends_with", {"phrase": "and so, we left"}), ("punctuation:no_comma", {})),
        "en",
        "punctuation:no_comma forbids",
    ),
    "two endings": (
        ask(("structure:ends_with", {"phrase": "the end"}), ("structure:ends_with", {"phrase": "goodbye"})),
        "en",
        "twice",
    ),
    "quiet talk": (ask(("dialogue:none", {}), ("dialogue:count", {"min": 2})), "en", "opposite"),
    "plain list": (ask(("markup:no_markdown", {}), ("markup:list_items", {"min": 3})), "en", "opposite"),
    "both cases": (ask(("change_case:english_capital", {}), ("change_case:english_lowercase", {})), "en", "opposite"),
    "two whole forms": (
        ask(("detectable_format:json_format", {}), ("startend:quotation", {})),
        "en",
        "form of the whole",
    ),
    "English of a Chinese text": (ask(("narration:tense", {"tense": "past"})), "zh", "reads English"),
    "another language": (ask(("language:response_language", {"language": "fr"})), "en", "asks for 'fr'"),
    "a judge without words": (ask(("judge", {})), "en", "text is missing"),
    "too short for its keyword": (
        ask(("keywords:existence", {"keywords": ["incomprehensibilities"]}), ("length:characters", {"max": 10})),
        "en",
        "characters",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_contradictions_are_found(name: str) -> None:
    constraints, language, says = IMPOSSIBLE[name]
    assert any(says in problem for problem in problems(constraints, language)), problems(constraints, language)


KEPT: list[tuple[str, list[Constraint]]] = [
    ("the sea. the end", ask(("change_case:english_lowercase", {}), ("structure:ends_with", {"phrase": "The end"}))),
    ('"go," he said.', ask(("dialogue:count", {"min": 1, "max": 1}), ("length:words", {"min": 3, "max": 3}))),
    ("Rain.\n\nRain again.", ask(("length:paragraphs", {"min": 2}), ("length:words", {"max": 3}))),
    ("no talk here", ask(("dialogue:none", {}), ("dialogue:count", {"min": 0, "max": 2}))),
    ("harbormaster", ask(("keywords:existence", {"keywords": ["harbor"]}), ("length:words", {"max": 1}))),
    ("海边。下雨了。", ask(("length:sentences", {"min": 2, "max": 2}), ("length:words", {"max": 5}))),
]


@pytest.mark.parametrize("text, constraints", KEPT)
def test_what_a_text_keeps_is_not_contradictory(text: str, constraints: list[Constraint]) -> None:
    for constraint in constraints:
        assert check(constraint.type, constraint.kwargs, "", text).passed, constraint
    assert problems(constraints) == []
