"""What the votes say, and how far they can be trusted: pure functions of ballots.

Only the first vote of a rater on a pair counts; hidden repeats serve self-consistency alone.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.verifier.accuracy.wilson import wilson
from trainer.arena.assignment import Comparison

Choice = Literal["left", "right", "tie", "bad"]
Verdict = Literal["first", "second", "tie", "bad"]


@dataclass(frozen=True)
class Ballot:
    rater: str
    comparison: Comparison
    swapped: bool
    repeat: bool
    choice: Choice
    tags: tuple[str, ...]
    seconds: float
    """From the first sight of the pair to the vote."""
    at: float
    """Unix time."""

    @property
    def verdict(self) -> Verdict:
        if self.choice in ("tie", "bad"):
            return self.choice  # type: ignore[return-value]
        return "second" if (self.choice == "left") == self.swapped else "first"


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval; all None without observations."""

    value: float | None
    low: float | None
    high: float | None
    count: int

    @classmethod
    def of(cls, hits: float, count: int, effective: float | None = None) -> "Share":
        """`effective`: number of independent observations, where it is not `count`."""
        if count == 0:
            return cls(None, None, None, 0)
        size = count if effective is None else effective
        low, high = wilson(hits / count * size, size)
        return cls(hits / count, low, high, count)


def firsts(ballots: Iterable[Ballot]) -> list[Ballot]:
    return [ballot for ballot in ballots if not ballot.repeat]


def win_rate(scores: Sequence[tuple[Hashable, float]]) -> Share:
    """Mean of the scores (1 = won, 1/2 = tie or both bad, 0 = lost), each with its prompt.

    Votes on one prompt are alike, so that their number overstates what is known. With r_g the sum of residuals of prompt g, of G,

        Var = G / (G - 1) * sum_g r_g^2 / n^2        (linearisation over clusters)
        n_eff = p (1 - p) / Var, at most n

    and the interval is Wilson's for n_eff votes (Korn and Graubard 1998 do the same with Clopper-Pearson's). Where the prompts do not
    differ at all, Var says nothing: n_eff = G.
    """
    n = len(scores)
    if n == 0:
        return Share.of(0, 0)
    p = sum(score for _, score in scores) / n
    residuals: dict[Hashable, float] = defaultdict(float)
    for prompt, score in scores:
        residuals[prompt] += score - p
    clusters = len(residuals)
    variance = clusters / (clusters - 1) * sum(r * r for r in residuals.values()) / n**2 if clusters > 1 else 0.0
    effective = min(n, p * (1 - p) / variance) if variance > 1e-12 else clusters
    # A handful of prompts whose means happen to be alike are not worth more votes than were cast, nor all prompts less than one.
    return Share.of(p * n, n, max(1.0, effective))


def duel(ballots: Sequence[Ballot], first: str, second: str) -> dict[str, Any]:
    """Of `first` against `second`, from ballots on these two arms."""
    counts = Counter(ballot.verdict for ballot in ballots)
    value = {"first": 1.0, "second": 0.0, "tie": 0.5, "bad": 0.5}
    return {
        "first": first,
        "second": second,
        "wins": counts["first"],
        "losses": counts["second"],
        "ties": counts["tie"],
        "both_bad": counts["bad"],
        "votes": len(ballots),
        "prompts": len({ballot.comparison.prompt for ballot in ballots}),
        "win_rate": win_rate([(b.comparison.prompt, value[b.verdict]) for b in ballots]),
    }


def duels(ballots: Iterable[Ballot]) -> list[dict[str, Any]]:
    by_arms: dict[tuple[str, str], list[Ballot]] = defaultdict(list)
    for ballot in firsts(ballots):
        by_arms[ballot.comparison.first, ballot.comparison.second].append(ballot)
    return [duel(by_arms[arms], *arms) for arms in sorted(by_arms)]


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Nominal alpha (Krippendorff, Content Analysis, 2018, ch. 12). `units`: the values that each unit got, one per rater.

        alpha = 1 - (n - 1) sum_{c != k} o_ck / sum_{c != k} n_c n_k

    o_ck: coincidences, every ordered pair of a unit's m values counted 1 / (m - 1); n_c: their row sums; n: all.
    None where it is not defined: no unit with two values, or the same value everywhere.
    """
    marginal: Counter[Hashable] = Counter()
    disagreement = 0.0
    for values in units:
        m = len(values)
        if m < 2:
            continue
        counts = Counter(values)
        marginal.update(counts)
        disagreement += (m * m - sum(c * c for c in counts.values())) / (m - 1)
    n = sum(marginal.values())
    expected = n * n - sum(c * c for c in marginal.values())
    return None if expected == 0 else 1 - (n - 1) * disagreement / expected


def agreement(ballots: Iterable[Ballot]) -> dict[str, Any]:
    """Alpha over the four verdicts, and over those with a winner alone."""
    units: dict[Comparison, list[Verdict]] = defaultdict(list)
    for ballot in firsts(ballots):
        units[ballot.comparison].append(ballot.verdict)
    decided = [[v for v in values if v in ("first", "second")] for values in units.values()]
    return {
        "alpha": krippendorff_alpha(units.values()),
        "alpha_decided": krippendorff_alpha(decided),
        "shared_pairs": sum(len(values) > 1 for values in units.values()),
    }


def left_share(ballots: Iterable[Ballot]) -> Share:
    """Order bias: of the votes with a winner, those for the left side. Sides are balanced: one half if order does not matter."""
    sides = [b.choice for b in firsts(ballots) if b.choice in ("left", "right")]
    return Share.of(sides.count("left"), len(sides))


def self_consistency(ballots: Iterable[Ballot]) -> Share:
    """Hidden repeats (shown the other way round) with the verdict of the rater's first vote."""
    before, same, count = dict[tuple[str, Comparison], Verdict](), 0, 0
    told = list(ballots)
    for ballot in firsts(told):
        before[ballot.rater, ballot.comparison] = ballot.verdict
    for ballot in told:
        if ballot.repeat and (first := before.get((ballot.rater, ballot.comparison))):
            count += 1
            same += first == ballot.verdict
    return Share.of(same, count)


def won_and_lost(ballots: Iterable[Ballot], lengths: Mapping[tuple[str, str], int]) -> list[tuple[int, int]]:
    """(length of the chosen, of the other) of every vote with a winner. `lengths`: by (prompt, arm)."""
    found = []
    for ballot in firsts(ballots):
        if ballot.verdict in ("first", "second"):
            pair = ballot.comparison
            sizes = (lengths[pair.prompt, pair.first], lengths[pair.prompt, pair.second])
            found.append(sizes if ballot.verdict == "first" else sizes[::-1])
    return found


def by_rater(ballots: Sequence[Ballot]) -> dict[str, dict[str, Any]]:
    own: dict[str, list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        own[ballot.rater].append(ballot)
    return {
        rater: {
            "median_seconds": statistics.median(b.seconds for b in votes),
            "left": left_share(votes),
            "undecided": sum(b.choice in ("tie", "bad") for b in firsts(votes)),
            "self_consistency": self_consistency(votes),
            "last": max(b.at for b in votes),
        }
        for rater, votes in own.items()
    }


def tag_counts(ballots: Iterable[Ballot]) -> dict[str, dict[str, int]]:
    """Tag -> winning arm -> times; votes without a winner stand under "tie" and "bad"."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for ballot in firsts(ballots):
        pair = ballot.comparison
        winner = {"first": pair.first, "second": pair.second}.get(ballot.verdict, ballot.verdict)
        for tag in ballot.tags:
            found[tag][winner] += 1
    return {tag: dict(counts) for tag, counts in found.items()}
