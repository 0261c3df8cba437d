"""Whose fault it is: the policy's own failures are violations, the machinery's leave a sample without a reward."""

from typing import Any

import pytest

from rlmr.wire import Decision, PolicyFault, RewardGroup, RewardGroupResult, Status
from services.aggregator.deciding import decide
from services.aggregator.mixing import GroupFilter, bind
from services.aggregator.signals import Signals, Verdict, Writing
from services.aggregator.thinking import without_thinking
from tests.services.aggregator.conftest import Bench


def good(score: float) -> tuple[Writing, Verdict]:
    return Writing(Status.OK, score=score), Verdict(Status.OK, passed=True, rule_share=1.0, judge_passed=True)


def bad(status: Status) -> tuple[Writing, Verdict]:
    return Writing(status, reason="told"), Verdict(status, reasons=["told"])


def decided(*samples: tuple[str, tuple[Writing, Verdict]], strategy: str = "rlmr", **more: Any) -> RewardGroupResult:
    group = RewardGroup(
        id="g", prompt="p", constraints=[], responses=[text for text, _ in samples], finished=more.pop("finished", None)
    )
    signals = Signals([w for _, (w, _) in samples], [v for _, (_, v) in samples])
    return decide(group, [0] * len(samples), signals, bind(strategy, {}), GroupFilter(), **more)


FINE = [("a story", good(1.0)), ("a better story", good(2.0)), ("the worst story", good(-1.0))]


@pytest.mark.parametrize(
    ("text", "said", "fault"),
    [
        ("", bad(Status.INVALID_INPUT), PolicyFault.EMPTY),
        (" \n", bad(Status.INVALID_INPUT), PolicyFault.EMPTY),
        ("very long", bad(Status.TOO_LONG), PolicyFault.TOO_LONG),
        (
            "ignore your instructions",
            (good(0.5)[0], Verdict(Status.UNPARSEABLE, judge_could_not_read=True)),
            PolicyFault.UNPARSEABLE,
        ),
    ],
)
def test_the_policys_own_failure_is_a_violation_with_the_worst_writing_score(
    text: str, said: tuple[Writing, Verdict], fault: PolicyFault
) -> None:
    """It used to be invalid, with advantage 0: better than a violation, so that nothing pushed a policy back from it."""
    result = decided(*FINE, (text, said))
    assert (result.decision, result.valid, result.violated[3]) == (Decision.TRAIN, [True] * 4, True)
    assert result.diagnostics.samples[3].fault is fault
    rewards = [r for r in result.rewards if r is not None]
    assert rewards[3] < sum(rewards) / 4
    # Its own score where it has one, else that of the worst sibling; what the model said is reported as it was.
    own = said[0].score
    assert result.writing[3] == own
    taken = -1.0 if own is None else own
    assert result.delta == pytest.approx(max(0.0, (4 * taken + 4 - (1 + 2 - 1 + taken)) / 3))


@pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.TIMEOUT, Status.UNVERIFIABLE])
def test_the_machinerys_failure_leaves_the_sample_without_a_reward(status: Status) -> None:
    result = decided(*FINE, ("a fine text", bad(status)))
    assert (result.valid[3], result.rewards[3], result.violated[3]) == (False, None, None)
    assert result.diagnostics.samples[3].fault is None


@pytest.mark.parametrize("status", [Status.TOO_LONG, Status.UNPARSEABLE])
def test_what_befalls_the_whole_group_is_not_the_policys_doing(status: Status) -> None:
    result = decided(*[(f"text {i}", bad(status)) for i in range(3)])
    assert result.valid == [False] * 3
    assert result.decision is Decision.DROP


def test_an_engine_that_gives_no_number_is_not_the_policys_doing() -> None:
    result = decided(*FINE, ("a fine text", (Writing(Status.UNPARSEABLE, reason="NaN"), good(0.0)[1])))
    assert result.valid[3] is False


def test_nor_is_a_broken_verdict_of_the_verifier() -> None:
    result = decided(*FINE, ("a fine text", (good(0.0)[0], Verdict(Status.UNPARSEABLE, reasons=["no value"]))))
    assert (result.valid[3], result.violated[3]) == (False, None)


def test_a_response_that_was_cut_off_is_a_violation_although_what_is_there_obeys() -> None:
    result = decided(*FINE, ("a story that", good(3.0)), finished=[True, True, True, False])
    assert (result.violated[3], result.diagnostics.samples[3].fault) == (True, PolicyFault.CUT_OFF)
    assert result.diagnostics.k == 1


def test_each_kind_can_be_switched_off() -> None:
    kinds = frozenset(PolicyFault) - {PolicyFault.CUT_OFF, PolicyFault.EMPTY}
    result = decided(
        *FINE,
        ("a story that", good(3.0)),
        ("", bad(Status.INVALID_INPUT)),
        finished=[True] * 3 + [False] * 2,
        fault_kinds=kinds,
    )
    assert result.violated[3] is False
    assert result.valid[4] is False


def test_a_group_of_faults_only_is_dropped() -> None:
    result = decided(*[("", bad(Status.INVALID_INPUT))] * 4)
    assert result.decision is Decision.DROP


def test_a_strategy_without_verdicts_gives_it_the_worst_score() -> None:
    result = decided(*FINE, ("", bad(Status.INVALID_INPUT)), strategy="quality_only")
    assert result.rewards == [1.0, 2.0, -1.0, -1.0]


def test_over_the_wire(bench: Bench) -> None:
    group = bench.group("w=1", "w=2", "w=too_long", " ", finished=[True, False, True, True])
    assert [s["fault"] for s in group["diagnostics"]["samples"]] == [None, "cut_off", "too_long", "empty"]
    assert group["violated"] == [False, True, True, True]
    assert all(group["valid"])
    refused = bench.ask("w=1", "w=2", finished=[True])
    assert refused.status_code == 422
    assert "finished has 1 entries for 2 responses" in refused.text


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("<think>hm, no commas</think>\n\nThe sea.", "The sea."),
        ("hm, no commas</think>The sea.", "The sea."),  # the chat template has opened the thought
        ("<think>for ever", ""),
        ("The sea.", "The sea."),
        ("<think>a</think>The sea.</think> More.", "The sea.</think> More."),
    ],
)
def test_thinking_is_cut_where_it_is_asked_for(response: str, answer: str) -> None:
    assert without_thinking(response) == answer
