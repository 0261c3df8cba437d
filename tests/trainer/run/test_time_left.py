"""How long a run still takes, from the steps it has made."""

from trainer.run.training import time_left


def test_the_time_left_follows_the_steps_made_so_far() -> None:
    assert time_left(made=10, left=50, seconds=300) == " | 25 min left"
    assert time_left(made=10, left=1, seconds=30) == " | 1 min left"


def test_nothing_is_said_before_anything_is_known_or_after_the_end() -> None:
    assert time_left(1, 59, 40) == time_left(60, 0, 900) == ""
