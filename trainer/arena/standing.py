"""The arena as its owner sees it: progress, win rates, agreement and biases, as one JSON object."""

from dataclasses import asdict
from typing import Any

from trainer.arena.state import State
from trainer.arena.statistics import (
    Share,
    agreement,
    by_rater,
    duels,
    firsts,
    left_share,
    self_consistency,
    tag_counts,
    won_and_lost,
)
from trainer.data.matching import length_bias
from trainer.data.similarity import tokens

_NO_VOTES: dict[str, Any] = {
    "median_seconds": None,
    "left": Share.of(0, 0),
    "undecided": 0,
    "self_consistency": Share.of(0, 0),
    "last": None,
}


class Standings:
    def __init__(self, state: State) -> None:
        """Counts the words of every response once: texts never change."""
        self.state, contest = state, state.contest()
        self.lengths = {
            (prompt, arm): len(tokens(text)) for arm, texts in contest.arms.items() for prompt, text in texts.items()
        }
        self.prompts, self.arms = len(contest.prompts), list(contest.arms)
        self._known: tuple[tuple[int, int], dict[str, Any]] | None = None

    def now(self) -> dict[str, Any]:
        """Figures of this moment. Shares are {value, low, high, count} with 95 % intervals; unknown figures are null."""
        edition = self.state.edition()
        if self._known is None or self._known[0] != edition:  # a second of work at 20,000 votes
            self._known = edition, self._figures()
        return self._known[1]

    def _figures(self) -> dict[str, Any]:
        ballots, raters = self.state.ballots(), self.state.raters()
        own = by_rater(ballots)
        told = [{"name": r.name, "done": r.done, "tasks": r.tasks} | own.get(r.name, _NO_VOTES) for r in raters]
        found = {
            "prompts": self.prompts,
            "arms": self.arms,
            "plan": self.state.plan.model_dump(mode="json"),
            "votes": len(firsts(ballots)),
            "done": sum(r.done for r in raters),
            "tasks": sum(r.tasks for r in raters),
            "duels": duels(ballots),
            "agreement": agreement(ballots),
            "self_consistency": self_consistency(ballots),
            "left": left_share(ballots),
            "length": length_bias(won_and_lost(ballots, self.lengths)).as_dict(),
            "tags": tag_counts(ballots),
            "raters": told,
        }
        plain: dict[str, Any] = _plain(found)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Share):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
