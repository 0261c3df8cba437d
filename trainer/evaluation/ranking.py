"""What pairwise verdicts add up to: win rates, with length held equal, position bias, and a ranking of several models."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.95
RESAMPLES = 1000
RIDGE = 1e-3
"""Pull towards 0 on the coefficients of the length-controlled win rate, per prompt: without it a model that always wins has none."""
ELO = 400 / math.log(10)
"""Points of a Bradley-Terry strength: 400 more are odds of 10 to 1."""


@dataclass(frozen=True)
class Duel:
    """One prompt, one pair of models, both orders."""

    prompt: str
    first: float
    """What the first model got (1 won, 0.5 tie, 0 lost) when it stood first ..."""
    second: float
    """... and when it stood second."""
    length: float
    """log of (its length / the other's)."""

    @property
    def score(self) -> float:
        return (self.first + self.second) / 2


@dataclass(frozen=True)
class Figure:
    value: float
    low: float | None
    high: float | None


def resampled(duels: Sequence[Duel], statistic: Callable[[Sequence[Duel]], float], seed: int = 0) -> Figure:
    """Percentile bootstrap over prompts; a resample in which the statistic is not defined (NaN) is left out."""
    value = statistic(duels)
    if len(duels) < 2:
        return Figure(value, None, None)
    draw = np.random.default_rng(seed)
    rows = (draw.integers(len(duels), size=len(duels)) for _ in range(RESAMPLES))
    found = np.array([statistic([duels[i] for i in row]) for row in rows])
    found = found[~np.isnan(found)]
    if math.isnan(value) or not len(found):
        return Figure(value, None, None)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value, float(low), float(high))


def win_rate(duels: Sequence[Duel]) -> float:
    """Mean over prompts of what the model got in both orders, ties one half."""
    return sum(d.score for d in duels) / len(duels)


def first_place(duels: Sequence[Duel]) -> float:
    """Share of decided verdicts that went to the response shown first: one half without position bias. NaN: none was decided."""
    won = [w for d in duels for w in (d.first, 1 - d.second) if w != 0.5]
    return sum(won) / len(won) if won else math.nan


def consistency(duels: Sequence[Duel]) -> float:
    """Share of prompts whose verdict is the same in both orders."""
    return sum(d.first == d.second for d in duels) / len(duels)


def length_controlled(duels: Sequence[Duel]) -> float:
    """sigmoid(theta) of P(win) = sigmoid(theta + beta tanh(length / its std)): the win rate at equal length, after Dubois et al. 2024
    (arXiv 2404.04475), without their term for the prompt's difficulty."""
    spread = float(np.std([d.length for d in duels]))
    scores = np.array([d.score for d in duels])
    columns = np.ones((len(duels), 2))
    columns[:, 1] = np.tanh([d.length / spread if spread else 0.0 for d in duels])
    weights = np.zeros(2)
    for _ in range(50):  # Newton's steps; the ridge keeps the matrix regular and the optimum finite
        chance = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (scores - chance) - RIDGE * len(duels) * weights
        curve = (columns.T * (chance * (1 - chance))) @ columns + RIDGE * len(duels) * np.eye(2)
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    return float(1 / (1 + np.exp(-weights[0])))


def strengths(
    models: Sequence[str], scores: Mapping[tuple[str, str], float], counts: Mapping[tuple[str, str], float]
) -> Floats:
    """Bradley-Terry strengths in points around 0. `scores[a, b]`: what a got against b, of `counts[a, b]`. A tie is half a win for
    each. A hundredth of a win for each in every pair keeps a model that never loses finite."""
    import choix

    wins = 0.01 * (1 - np.eye(len(models)))
    place = {model: i for i, model in enumerate(models)}
    for (a, b), got in scores.items():
        wins[place[a], place[b]] += got
        wins[place[b], place[a]] += counts[a, b] - got
    found: Floats = choix.ilsr_pairwise_dense(wins, max_iter=1000) * ELO
    return found - found.mean()


def ranking(models: Sequence[str], duels: Mapping[tuple[str, str], Sequence[Duel]], seed: int = 0) -> dict[str, Figure]:
    """Model -> points with interval, the strongest first. Prompts are resampled, each with all its pairs."""
    prompts = sorted({d.prompt for of in duels.values() for d in of})
    place = {prompt: i for i, prompt in enumerate(prompts)}
    got = {pair: np.zeros(len(prompts)) for pair in duels}
    there = {pair: np.zeros(len(prompts)) for pair in duels}
    for pair, of in duels.items():
        for duel in of:
            got[pair][place[duel.prompt]] += duel.score
            there[pair][place[duel.prompt]] += 1

    def fitted(weights: Floats) -> Floats:
        scores = {pair: float(weights @ got[pair]) for pair in duels}
        return strengths(models, scores, {pair: float(weights @ there[pair]) for pair in duels})

    value = fitted(np.ones(len(prompts)))
    draw = np.random.default_rng(seed)
    uniform = np.full(len(prompts), 1 / len(prompts))
    resamples = [fitted(draw.multinomial(len(prompts), uniform).astype(float)) for _ in range(RESAMPLES)]
    low, high = np.quantile(np.array(resamples), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    order = sorted(range(len(models)), key=lambda i: -value[i])
    many = len(prompts) > 1
    return {
        models[i]: Figure(float(value[i]), float(low[i]) if many else None, float(high[i]) if many else None)
        for i in order
    }
