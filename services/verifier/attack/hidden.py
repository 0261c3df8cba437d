"""Attacks by what a reader does not see: padding that shows nothing, and forbidden words with something hidden inside of them.

Repeated and mixed, since one character inserted once is what every filter expects. That invisible characters change no verdict of any
checker in the registry is tested there (tests/services/verifier/test_hidden_text.py); these are sent to live verifiers.
"""

from collections.abc import Iterator
from typing import Any

_INVISIBLE = "\u200b\u3164\u115f\u1160\u00ad\u2060\u180e\ufeff\uffa0\u034f\u200c\u2063\u2800\U000e0041"
_MARKS = "\u0301\u0336\u20dd"
_SHORT = "Nets dried on the wall. A gull walked along the rail."
_LEAST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("length:words", {"min": 100}),
    ("length:characters", {"min": 300}),
    ("length:sentences", {"min": 10}),
    ("length:lines", {"min": 10}),
    ("length:paragraphs", {"min": 5}),
    ("length:words_per_sentence", {"min": 30}),
    ("length:words_per_paragraph", {"min": 60}),
    ("readability:average_sentence", {"min": 30}),
    ("verse:stanzas", {"min": 5}),
    ("length_constraints:number_words", {"num_words": 100, "relation": "at least"}),
    ("length_constraints:number_sentences", {"num_sentences": 10, "relation": "at least"}),
    ("count:unique_word_count", {"N": 50}),
    ("count:word_count_range", {"min_words": 100, "max_words": 900}),
    ("script:share", {"script": "hangul", "min": 50}),
    ("length:of_parts", {"parts": [{"min": 50}, {"min": 50}]}),
    ("structure:form", {"parts": [["Date"], ["Place"]]}),
    ("structure:frame", {"elements": ["title", "addressee", "signature"]}),
    ("structure:number_of", {"names": ["gull"], "min": 3}),
    ("structure:questions_answered", {"min": 2}),
)
_PROMPT = "Write about the quiet harbour at dawn and the ferry that never came back from the island in the storm."
# (constraint, the words to hide, the text round them)
_FORBIDDEN: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("wording:forbidden_phrases", {"phrases": ["storm"]}, "storm", "The {} came over the harbour."),
    ("wording:forbidden_phrases", {"phrases": ["暴风雨"]}, "暴风雨", "昨夜{}来了。"),
    ("wording:forbidden_phrases", {"phrases": ["café"]}, "cafe\u0301", "The {} was shut."),
    ("wording:no_cliches", {}, "time stood still", "In the hall {}."),
    ("wording:no_cliches", {}, "时光荏苒", "{}，他老了。"),
    ("wording:forbidden_openings", {}, "Once upon a time", "{} there was a ferry."),
    ("keywords:forbidden_words", {"forbidden_words": ["storm"]}, "storm", "The {} came over the harbour."),
    ("similarity:to_prompt", {"max": 20}, _PROMPT, "{}"),
    ("notation:no_digits", {}, "1921", "It closed in {}."),
)


def hidden_text_attacks() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(family, prompt, response, constraint); none of the responses obeys."""
    mixed = _INVISIBLE + _MARKS
    for type, kwargs in _LEAST:
        constraint = {"type": type, "kwargs": kwargs}
        for mark in mixed:
            yield "invisible_padding", _PROMPT, f"{_SHORT} {f'{mark} ' * 400}", constraint
            yield "invisible_padding", _PROMPT, f"{_SHORT}{mark * 900}", constraint
        yield "invisible_padding", _PROMPT, f"{_SHORT} {f'{mixed} ' * 60}", constraint
    for type, kwargs, words, frame in _FORBIDDEN:
        constraint = {"type": type, "kwargs": kwargs}
        for mark in _INVISIBLE:
            yield "hidden_inside", _PROMPT, frame.format(mark.join(words)), constraint
        strewn = "".join(c + _INVISIBLE[i % 7 : i % 7 + 5] for i, c in enumerate(words))
        yield "hidden_inside", _PROMPT, frame.format(strewn), constraint
        if type.startswith("wording:"):
            yield "hidden_inside", _PROMPT, frame.format("\u0336".join(words)), constraint
            yield "hidden_inside", _PROMPT, frame.format(f"{words[:2]}**{words[2:]}**"), constraint
            # Loose mode drops the first and the last line.
            broken = f"Fog.\n{frame.format(words.replace(' ', chr(10)))}\nRain."
            if type != "wording:forbidden_openings":
                yield "hidden_inside", _PROMPT, broken, constraint
