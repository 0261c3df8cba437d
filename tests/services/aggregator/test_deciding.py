"""Which samples count, decided once for /reward and /get_reward."""

import pytest

from rlmr.wire import (
    ConstraintResult,
    Decision,
    DropReason,
    ModelIdentity,
    RewardGroup,
    ScoreResult,
    Status,
    VerifyResult,
)
from services.aggregator.deciding import Missing, decide, samples_of, what_is_missing
from services.aggregator.metrics import pearson
from services.aggregator.mixing import MAX_REWARD, STRATEGIES, GroupFilter, bind
from services.aggregator.signals import Signals, Verdict, Writing, one_identity, verdict_of, writing_of

SCORED, UNSCORED = Writing(Status.OK, 1.5), Writing(Status.TIMEOUT, reason="slow")
PASSED = Verdict(Status.OK, passed=True, rule_share=1.0, judge_passed=True)
FAILED_FOR_SURE = Verdict(Status.OK, passed=False, reasons=["2 commas"])
"""One constraint failed and another has no verdict: a violation, but no share."""
UNJUDGED = Verdict(Status.UNVERIFIABLE, reasons=["no judge"])


@pytest.mark.parametrize(
    ("strategy", "writing", "verdict", "expected"),
    [
        ("rlmr", SCORED, PASSED, None),
        ("rlmr", SCORED, FAILED_FOR_SURE, None),
        ("rlmr", UNSCORED, PASSED, Missing(Status.TIMEOUT, ["slow"])),
        ("rlmr", SCORED, UNJUDGED, Missing(Status.UNVERIFIABLE, ["no judge"])),
        ("rlmr", UNSCORED, UNJUDGED, Missing(Status.TIMEOUT, ["slow"])),
        ("quality_only", SCORED, UNJUDGED, None),
        ("verify_only", UNSCORED, PASSED, None),
        ("product", UNSCORED, PASSED, None),
        ("product", SCORED, FAILED_FOR_SURE, Missing(Status.UNVERIFIABLE, ["2 commas"])),
    ],
)
def test_a_sample_counts_when_everything_its_strategy_needs_exists(
    strategy: str, writing: Writing, verdict: Verdict, expected: Missing | None
) -> None:
    assert what_is_missing(Signals([writing], [verdict]), STRATEGIES[strategy], 1) == [expected]


def test_an_upstream_that_is_needed_and_was_not_asked_is_a_bug_and_not_a_verdict() -> None:
    with pytest.raises(ValueError, match="verifier was not asked"):
        what_is_missing(Signals([SCORED], None), STRATEGIES["rlmr"], 1)


def test_a_strategy_gets_what_it_needs_and_nothing_else() -> None:
    signals = Signals([SCORED, UNSCORED, SCORED], [PASSED] * 3)
    assert samples_of(signals, STRATEGIES["quality_only"], [0, 2], ["a", "b", "c"]).violated == []
    samples = samples_of(signals, STRATEGIES["product"], [0, 1, 2], ["a", "b", "c"])
    assert (samples.writing, samples.violated, samples.rule_share) == ([], [False] * 3, [1.0] * 3)


@pytest.mark.parametrize("score", [1.001 * MAX_REWARD, -1e300, float("inf"), float("nan"), None])
def test_a_score_beyond_the_bound_of_the_wire_is_no_score(score: float | None) -> None:
    writing = writing_of(ScoreResult(id="a", status=Status.OK, score=score, raw=score, tokens=3))
    assert (writing.status, writing.score) == (Status.UNPARSEABLE, None)
    assert "-1e+06 and 1e+06" in (writing.reason or "")


def test_two_revisions_in_one_reply_are_both_named() -> None:
    old, new = (ModelIdentity(name="rm", revision=r, engine="e") for r in ("r1", "r2"))
    assert one_identity([None, None]) is None
    assert one_identity([old, None, old]) == old
    merged = one_identity([new, old])
    assert merged is not None and merged.revision == "r1,r2"


def test_a_group_of_violators_is_ranked_by_a_strategy_that_can_and_dropped_by_one_that_cannot() -> None:
    group = RewardGroup(id="g", prompt="p", constraints=[], responses=["a", "b", "c"])

    def decided(
        name: str, met: list[float], rule: GroupFilter
    ) -> tuple[Decision, DropReason | None, list[float | None]]:
        verdicts = [Verdict(Status.OK, passed=False, rule_share=0.0, judge_passed=True, met_share=m) for m in met]
        result = decide(group, [0] * 3, Signals([SCORED] * 3, verdicts), bind(name, {}), rule)
        return result.decision, result.reason, result.rewards

    dropped = (Decision.DROP, DropReason.ALL_VIOLATE, [None] * 3)
    for rule in (GroupFilter(), GroupFilter(drop_all_violate=False)):
        assert decided("rlmr_partial", [0.0, 0.5, 0.5], rule) == (Decision.TRAIN, None, [0.0, 0.5, 0.5])
        assert decided("rlmr_partial", [0.5, 0.5, 0.5], rule) == dropped
        assert decided("rlmr", [0.0, 0.5, 0.5], rule) == dropped


def test_what_a_sample_meets_is_a_share_of_all_its_constraints() -> None:
    def verdict(*passed: bool | None) -> Verdict:
        constraints = [
            ConstraintResult(type="t", source=source, status=Status.OK if p is not None else Status.TIMEOUT, passed=p)
            for p, source in zip(passed, ("rule", "rule", "judge"), strict=False)
        ]
        return verdict_of(VerifyResult(id="a", status=Status.OK, passed=all(passed), constraints=constraints))

    assert verdict(True, False, True).met_share == pytest.approx(2 / 3)
    assert verdict(True, True, False).met_share == pytest.approx(2 / 3)
    assert verdict().met_share == 1.0
    assert verdict(False, None).met_share is None


def test_pearson_is_defined_from_three_pairs_that_vary() -> None:
    assert pearson([(1, 2), (2, 4), (3, 6)]) == pytest.approx(1)
    assert pearson([(1, 3), (2, 2), (3, 1)]) == pytest.approx(-1)
    assert pearson([(1, 1), (2, 2)]) is None
    assert pearson([(1, 1), (1, 2), (1, 3)]) is None
