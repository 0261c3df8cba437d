"""What sampled groups say about a run that is still to come. Pure: no I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from services.aggregator.mixing.spread import std
from trainer.calibrate.asking import Asked, Group
from trainer.calibrate.shares import Compliance, Share, share


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of constraint, alone: whatever else its prompts ask for."""

    type: str
    compliance: Share | None
    """Of the untrained policy's samples."""
    mixed: Share | None
    """Groups in which some samples meet it and some do not."""
    never: float
    """Share of its groups in which no sample meets it."""
    unknown: int
    """Samples without a verdict on it; in no share."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of the writing reward, in the reward model's reference standard deviations."""

    inside: float
    """Pooled standard deviation inside groups."""
    inside_quantiles: tuple[float, float, float]
    """The groups' own, at 10, 50 and 90 %."""
    between: float
    """Standard deviation of the groups' true means: what sampling adds to it is taken off."""
    length_inside: float | None
    """Spearman's correlation of the writing reward with the length in tokens, both less their group's mean."""
    length_overall: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step."""

    groups: float
    """Drawn until the batch is full."""
    responses: float
    tokens: float
    """Of responses."""
    reward_seconds: float
    """Of reward calls, 16 at a time, on the services as they were."""


@dataclass(frozen=True, slots=True)
class Figures:
    groups: int
    n: int
    compliance: Share | None
    mixed: Share | None
    dropped: Share | None
    """By the aggregator's own decision."""
    reasons: dict[str, int]
    cut_off: float
    """Share of responses that the policy did not end itself."""
    tokens: float
    unknown: int
    """Samples without a verdict or a writing reward."""
    kinds: list[Kind]
    spread: Spread | None
    cost: Cost
    kept_prompts: list[str]
    """Ids of prompts whose own compliance is within the bounds."""
    dropped_then: float | None
    """Expected share of all-violate groups if only those are trained on."""
    revisions: dict[str, str | None]


def measure(asked: Asked, *, batch: int, bounds: tuple[float, float]) -> Figures:
    """`batch`: groups that a step trains on. `bounds`: of the compliance of the prompts to keep."""
    groups = asked.groups
    n = max(len(g.drawn.responses) for g in groups)
    own = {g.prompt["prompt_id"]: _mean(_met(g)) for g in groups}
    dropped = [float(g.reward.decision != "train") for g in groups]
    drawn = batch / max(1 - float(np.mean(dropped)), 1 / (2 * len(groups)))
    tokens = float(np.mean([t for g in groups for t in g.drawn.tokens]))
    kept = [id for id, c in own.items() if c is not None and bounds[0] <= c <= bounds[1]]
    return Figures(
        groups=len(groups),
        n=n,
        compliance=share([c for c in own.values() if c is not None]),
        mixed=share([float(0 < sum(m) < len(m)) for g in groups if (m := _met(g))]),
        dropped=share(dropped),
        reasons=dict(Counter(str(g.reward.reason) for g in groups if g.reward.reason)),
        cut_off=float(np.mean([not f for g in groups for f in g.drawn.finished])),
        tokens=tokens,
        unknown=sum(not ok for g in groups for ok in g.reward.valid),
        kinds=_kinds(groups),
        spread=_spread(groups),
        cost=Cost(drawn, drawn * n, drawn * n * tokens, asked.reward_seconds / len(groups) * drawn),
        kept_prompts=kept,
        dropped_then=_dropped_then(groups, set(kept), n),
        revisions=groups[0].reward.revisions,
    )


def _met(group: Group) -> list[bool]:
    """Per sample with a verdict, as the aggregator saw it: a policy's own fault violates."""
    return [not v for v in group.reward.violated if v is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _kinds(groups: Iterable[Group]) -> list[Kind]:
    """The hardest first."""
    by_kind: dict[str, list[list[bool]]] = defaultdict(list)
    unknown: Counter[str] = Counter()
    for group in groups:
        known = [v.constraints for v in group.verdicts if v.constraints]
        for i in range(min(map(len, known), default=0)):
            results = [c[i] for c in known]
            by_kind[results[0].type].append([r.passed for r in results if r.passed is not None])
            unknown[results[0].type] += sum(r.passed is None for r in results)
    kinds = []
    for type, flags in by_kind.items():
        told = [f for f in flags if f]
        kinds.append(
            Kind(
                type,
                share([sum(f) / len(f) for f in told]),
                share([float(0 < sum(f) < len(f)) for f in told]),
                _mean([not any(f) for f in told]) or 0.0,
                unknown[type],
            )
        )
    return sorted(kinds, key=lambda k: k.compliance.value if k.compliance else 0.0)


def _spread(groups: Iterable[Group]) -> Spread | None:
    told = [[(w, t) for w, t in zip(g.reward.writing, g.drawn.tokens, strict=True) if w is not None] for g in groups]
    told = [pairs for pairs in told if len(pairs) > 1]
    if not told:
        return None
    scores = [np.array([w for w, _ in pairs]) for pairs in told]
    lengths = [np.array([t for _, t in pairs], dtype=float) for pairs in told]
    stds = np.array([std(s.tolist()) for s in scores])
    inside = float(np.mean(stds**2))
    noise = float(np.mean([sd**2 / len(s) for sd, s in zip(stds, scores, strict=True)]))
    between = max(0.0, float(np.var([s.mean() for s in scores], ddof=1)) - noise) if len(told) > 1 else 0.0
    low, middle, high = (float(q) for q in np.quantile(stds, [0.1, 0.5, 0.9]))
    return Spread(
        inside=inside**0.5,
        inside_quantiles=(low, middle, high),
        between=between**0.5,
        length_inside=_spearman([s - s.mean() for s in scores], [x - x.mean() for x in lengths]),
        length_overall=_spearman(scores, lengths),
    )


def _spearman(scores: Sequence[np.ndarray], lengths: Sequence[np.ndarray]) -> float | None:
    x, y = np.concatenate(scores), np.concatenate(lengths)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(stats.spearmanr(x, y).statistic)


def _dropped_then(groups: Sequence[Group], kept: set[str], n: int) -> float | None:
    """Prompts are chosen by the very samples that measure them: their next samples fall back towards the mean."""
    whole = [(g.prompt["prompt_id"], sum(m)) for g in groups if len(m := _met(g)) == n]
    if not whole or n < 2 or not kept:
        return None
    fitted = Compliance.of([met for _, met in whole], n)
    return _mean([fitted.none_of_next(met, n) for id, met in whole if id in kept])
