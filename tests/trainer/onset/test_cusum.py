"""The test itself: what raises the alarm, what does not, and how often it is wrong on noise."""

import random

from trainer.onset.cusum import parting

RISING = [0.0, 0.5, 1.0, 1.5, 1.8, 2.0, 2.1, 2.2, 2.3, 2.4]


def test_both_rising_is_training() -> None:
    assert parting(RISING, [r / 2 for r in RISING]) is None


def test_a_signal_that_falls_while_the_reward_rises_is_found_with_its_beginning() -> None:
    found = parting(RISING, [0.0, 0.3, 0.6, 0.8, 0.7, 0.3, 0.1, 0.0, 0.0, 0.0])
    assert found is not None
    assert (found.best, found.alarm) == (3, 6)  # evidence: 0, 0.33, then 0.85
    assert found.fall == 0.8 - 0.1 and found.gain > 0


def test_a_signal_that_stalls_counts_once_the_reward_has_gained_enough() -> None:
    assert parting([0.0, 0.5, 1.0, 1.5, 1.8, 1.8, 1.8], [0.0, 0.5, 0.5, 0.4, 0.5, 0.49, 0.5]) is None
    stalled = parting([0.0, 0.5, 1.5, 2.5, 3.0, 3.2, 3.4, 3.6], [0.0, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert stalled is not None and stalled.best == 1


def test_a_policy_that_gets_worse_at_everything_is_not_hacking() -> None:
    assert parting([0.0, 1.0, 0.5, 0.0, -0.5, -1.0], [0.0, 1.0, 0.5, 0.0, -0.5, -1.0]) is None


def test_noise_of_a_window_alone_seldom_alarms() -> None:
    rng = random.Random(0)
    flat = [1.0] * 20
    alarms = sum(parting(flat, [0.5 + rng.gauss(0, 0.07) for _ in flat]) is not None for _ in range(500))
    assert alarms <= 5
