"""Several answers to one question: the majority of all that were asked for, or no verdict."""

from collections.abc import Sequence

from rlmr.wire import Status
from services.verifier.judge.endpoint import JudgeFailure
from services.verifier.judge.verdict import JudgeVerdict


def majority(ballots: Sequence[JudgeVerdict | JudgeFailure]) -> JudgeVerdict:
    """More than half of the ballots must agree on passed or violated; one that failed is for neither. Raises JudgeFailure: of the
    first that failed, if they could have decided, else `unverifiable` for a tie."""
    if len(ballots) == 1:
        return _only(ballots[0])
    given = [b for b in ballots if isinstance(b, JudgeVerdict)]
    for passed in (False, True):
        side = [b for b in given if b.passed is passed]
        if 2 * len(side) > len(ballots):
            # All that pass may differ in why: most of them say.
            answer = max((b.answer for b in side), key=[b.answer for b in side].count)
            reason = next(b.reason for b in side if b.answer == answer)
            return JudgeVerdict(answer, f"{len(side)} of {len(ballots)} votes: {reason}")
    failed = next((b for b in ballots if isinstance(b, JudgeFailure)), None)
    if failed is not None:
        raise JudgeFailure(
            failed.status, f"judge: no majority of {len(ballots)} votes, since one failed: {failed.reason}"
        )
    met = sum(b.passed for b in given)
    raise JudgeFailure(Status.UNVERIFIABLE, f"judge: a tie: {met} of {len(ballots)} votes for met")


def _only(ballot: JudgeVerdict | JudgeFailure) -> JudgeVerdict:
    if isinstance(ballot, JudgeFailure):
        raise ballot
    return ballot
