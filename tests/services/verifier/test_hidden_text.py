"""What shows nothing changes no verdict, in any checker: invisible characters neither count nor hide."""

import sys

import pytest

from services.verifier.constraints import Subject, check, evaluate, prepare, registry
from services.verifier.text import folding
from services.verifier.text.folding import as_read, shows_nothing, without_hidden
from tests.services.verifier.examples import example

TEXTS = (
    'The sea was grey. "Two hours," said Ruth; nobody minded.\n\nThen a stone fell, and the sky (all of it) closed.\nThe end.',
    "# Dawn\n\n* one ship\n* two zebras\n\n**Dusk**\n\n1. noon\n2. sea, sea and 3 stones? Yes! Write [name] to P.S. us.",
    "海很静。“走吧，”他说，“天亮了。”\n\n一、石头\n二、海\n船开走了……2024年3月9日。",
    "SEA\nEvery stone\nA sky",
    '{"title": "Dawn"}',
    "I keep the lamp, you keep the stair,\nI keep a ribbon from your hair.",
)
INVISIBLE = "\u200b\u3164\u115f\u1160\u00ad\u2060\u180e\ufeff\uffa0\u034f\u200c\u200d\ufe0f\u2063\U000e0041\u17b4\u2800"


def strewn(text: str, marks: str, every: int) -> str:
    """Marks within and between words, several at a place."""
    parts = []
    for i, character in enumerate(text):
        parts.append(character)
        if i % every == 1:
            parts.append("".join(marks[(i + k) % len(marks)] for k in range(3)))
    return "".join(parts)


@pytest.mark.parametrize("id", sorted(registry))
def test_invisible_characters_change_no_verdict(id: str) -> None:
    rule = prepare(id, example(id))
    for text in TEXTS:
        plain = evaluate(rule, Subject(text, "Tell me about the sea."))
        for marks in (*INVISIBLE, INVISIBLE):
            hidden = evaluate(rule, Subject(strewn(text, marks, 2), "Tell me about the sea."))
            assert hidden.passed == plain.passed, f"{marks!r}: {plain.reason} / {hidden.reason}"


@pytest.mark.parametrize("mark", [*INVISIBLE, "\u0301", "\u20dd"])
def test_four_hundred_invisible_words_are_no_words(mark: str) -> None:
    text = "A gull walked along the rail. " + f"{mark} " * 400
    for id, kwargs in (
        ("length:words", {"min": 10}),
        ("length:sentences", {"min": 2}),
        ("length_constraints:number_words", {"num_words": 10, "relation": "at least"}),
        ("count:word_count_range", {"min_words": 10, "max_words": 500}),
        ("count:unique_word_count", {"N": 10}),
    ):
        assert not check(id, kwargs, "", text).passed, id


def test_a_response_that_shows_nothing_is_empty() -> None:
    for text in ("\u3164" * 50, "\u200b \u0301 \u2060", "\ufeff"):
        assert check("length:words", {"max": 5}, "", text).reason == "the response is empty"


def test_piled_marks_hide_no_phrase() -> None:
    hidden = "The s\u0336t\u0336o\u0301\u0302\u0303\u0304\u0305r\u0307m came."
    assert not check("wording:forbidden_phrases", {"phrases": ["storm"]}, "", hidden).passed


def test_an_echo_of_the_prompt_is_not_hidden() -> None:
    prompt = "Write about the quiet harbour at dawn and the ferry that never came."
    assert not check("similarity:to_prompt", {"max": 20}, prompt, "\u200b".join(prompt)).passed


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "क्\u200dया", "👩\u200d👩\u200d👧", "1\ufe0f\u20e3", "שָׁלוֹם", "Tiếng Việt", "が"]
)
def test_what_writing_needs_stays(text: str) -> None:
    assert without_hidden(text) == text
    assert as_read(text)


def test_windows_line_ends_are_the_reference_checkers_own_matter() -> None:
    assert without_hidden("a\r\nb") == "a\r\nb"
    assert as_read("a\r\nb") == "a\nb"


def test_what_is_passed_over_quickly_holds_nothing_to_fold() -> None:
    """`_OTHERS` and `_INK` let most texts through unread: over all of Unicode, nothing that the slow way would change or find blank."""
    folded = (folding._LINE_ENDS, folding._SPACES, folding._MARK, folding._INVISIBLE, folding._HIDDEN)
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    passed_over = "".join(c for c in characters if not folding._OTHERS.search(c))
    assert len(passed_over) > 40_000
    for pattern in (*folded, folding._LONE_MARKS):
        found = pattern.search(passed_over)
        assert found is None, (pattern.pattern[:40], ascii(found[0]))
    assert not {"\u2028", "\u2029"} & set(passed_over)
    ink = "".join(c for c in characters if folding._INK.search(c))
    assert len(as_read(ink).split()) == 1 and len(as_read(ink)) == len(ink)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u3164", "\u0301\u0301", "\u00a0\u2028", "\x00"])
def test_a_blank_page_shows_nothing(text: str) -> None:
    assert shows_nothing(text)


@pytest.mark.parametrize("text", [".", "海", "ह", "é", "❤️", "\u200bא"])
def test_a_page_with_ink_is_not_blank(text: str) -> None:
    assert not shows_nothing(text)
