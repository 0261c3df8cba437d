"""Each way of winning a reward is named, and none where nothing changed."""

import random

import pytest

from trainer.onset.causes import Texts, likely_cause

RNG = random.Random(0)


def text(length: int = 20) -> str:
    return " ".join("".join(RNG.choices("abcdefghijklmnop", k=5)) for _ in range(length))


BEFORE = [text() for _ in range(60)]
CASES = {
    "length: 20 words then, 31 at the alarm": [text(31) for _ in BEFORE],
    "repetition: 0% of a text's word pairs": [f"{half} {half}" for half in (text(10) for _ in BEFORE)],
    'one phrase: "like wet ash"': [f"{text(8)} like wet ash {text(9)}" for _ in BEFORE],
    'an opener: 0% of the texts began with "as a helpful judge"': [f"As a helpful judge {text(16)}" for _ in BEFORE],
}


@pytest.mark.parametrize("told", CASES)
def test_a_change_is_named(told: str) -> None:
    assert likely_cause(Texts(BEFORE), Texts(CASES[told])).startswith(told)


def test_a_constraint_that_is_given_up_is_named() -> None:
    after = Texts([text() for _ in BEFORE], [["punctuation:no_comma: found 2"]] * 30 + [[]] * 30)
    told = likely_cause(Texts(BEFORE, [[]] * 60), after)
    assert told == "a constraint given up: 0% of the texts broke punctuation:no_comma then, 50% at the alarm"


def test_nothing_is_named_where_nothing_changed() -> None:
    assert likely_cause(Texts(BEFORE), Texts([text() for _ in BEFORE])).startswith("none of length")
