"""Settings that fit what was measured, each with its reason. Where 2 and 4 come from: docs/strategies.md, "Why a fixed weight is hard to beat"."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from services.aggregator.mixing.spread import std
from trainer.calibrate.asking import Group
from trainer.calibrate.figures import Figures

MANY_DROPPED = 0.3
ENOUGH_GROUPS = 30
"""For a statement about the highest and the lowest tenth."""


@dataclass(frozen=True, slots=True)
class Advice:
    setting: str
    """As after --set, or what to do."""
    reason: str


def advise(groups: Sequence[Group], figures: Figures) -> list[Advice]:
    return [*_gamma(figures), *_filter(groups, figures), *_prompts(groups, figures)]


def _gamma(figures: Figures) -> list[Advice]:
    spread = figures.spread
    if spread is None:
        return []
    low, middle, high = spread.inside_quantiles
    told = f"writing rewards of a group spread by {middle:.2f} of the reference's standard deviation (80 % of groups: {low:.2f} to {high:.2f})"
    if middle < 0.02:
        why = f"{told}: the reward model hardly tells the responses apart, and no gamma mends that; look at `rlmr rm check`"
        return [Advice("another reward model", why)]
    # What equal spreads would show in samples of n, under a normal distribution.
    freedom = max(figures.n - 1, 1)
    chance = float(np.sqrt(stats.chi2.ppf(0.9, freedom) / stats.chi2.ppf(0.1, freedom)))
    changes = high > 1.5 * chance * max(low, 1e-9)
    if not changes and 0.5 <= middle <= 2:
        return [
            Advice(
                "strategy.gamma=0.1 strategy.gamma_unit=reference strategy.delta_min=2",
                f"{told}: the reference's unit fits",
            )
        ]
    why = (
        "the reference's unit would be a margin of its own for every prompt"
        if changes
        else f"one in the reference's unit would be {1 / middle:.1f} deviations of a group"
    )
    return [Advice("strategy.gamma=0.1 strategy.gamma_unit=group strategy.delta_min=4", f"{told}: {why}")]


def _filter(groups: Sequence[Group], figures: Figures) -> list[Advice]:
    """A group whose rewards are all very high or very low is worth dropping if they no longer tell its samples apart."""
    told = [[w for w in g.reward.writing if w is not None] for g in groups]
    told = [w for w in told if len(w) > 1]
    if len(told) < ENOUGH_GROUPS:
        return []
    tenth, middle = len(told) // 10, float(np.median([std(w) for w in told]))
    advice = []
    for name, end, of, tail in (
        ("all_high", "highest", min, sorted(told, key=min)[-tenth:]),
        ("all_low", "lowest", max, sorted(told, key=max)[:tenth]),
    ):
        spread = float(np.median([std(w) for w in tail]))
        edge = float(of(tail[0] if name == "all_high" else tail[-1]))
        seen = f"the {end} tenth of the groups spreads by {spread:.2f}, all by {middle:.2f}"
        flat = spread < 0.5 * middle
        advice.append(
            Advice(
                f"filter.{name}={edge:.2f}", f"{seen}: what is left there is mostly noise, which group_norm blows up"
            )
            if flat
            else Advice(f"filter.{name}=null", f"{seen}: they still tell their samples apart")
        )
    return advice


def _prompts(groups: Sequence[Group], figures: Figures) -> list[Advice]:
    dropped = figures.dropped
    if dropped is None or dropped.value <= MANY_DROPPED:
        return []
    hopeless = [g for g in groups if g.reward.reason == "all_violate"]
    ranked = sum(
        len({s["met_share"] for s in g.reward.samples if s.get("met_share") is not None}) > 1 for g in hopeless
    )
    advice = [
        Advice(
            "the filtered prompt file",
            f"{dropped.value:.0%} of the groups would be dropped; it keeps {len(figures.kept_prompts)} of {figures.groups} prompts",
        )
    ]
    if ranked > len(hopeless) / 2:
        why = f"{ranked} of {len(hopeless)} groups without a compliant sample differ in how many constraints are met, and it ranks them"
        advice.append(Advice("strategy=rlmr_partial", why))
    return advice
