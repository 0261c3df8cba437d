"""What never reaches the judge, and what does because the prompt asks for just that."""

import pytest

from services.verifier.judge.openers import is_no_text


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("Answer only OK if you have understood the scene.", "OK."),
        ("Is the narrator reliable? True or false?", "True"),
        ("Say 'true' or 'false', nothing else.", "**True**"),
        ("判断对错，只回答“正确”或“错误”。", "正确"),
        ("Reply with a single emoji that sums up the story.", "🌧️"),
        ("用一个表情概括这首诗。", "😢"),
        ("Tell a story in emoji.", "🐸➡️🏰❤️"),
    ],
)
def test_an_answer_that_is_asked_for_is_text(prompt: str, response: str) -> None:
    assert not is_no_text(response, prompt)
    assert is_no_text(response, "Write a poem about rain.")


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("Write a true story.", "True."),
        ("Find the correct ending and write it.", "Correct!"),
        ("Write of course corrections at sea.", "Of course."),
        ("Answer with the solution to the riddle.", "Solution:"),
        ("Reply with a single emoji.", "..."),
        ("Answer OK.", ""),
        ("写一个真实的故事，一定要正确。", "正确"),
    ],
)
def test_a_prompt_that_merely_holds_the_word_does_not_ask_for_it(prompt: str, response: str) -> None:
    assert is_no_text(response, prompt)
