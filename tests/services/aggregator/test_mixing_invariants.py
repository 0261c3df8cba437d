"""Invariants of every strategy over random groups: 13,000 groups each, and counted."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.aggregator.mixing import MAX_REWARD, STRATEGIES, AllViolate, Mixed, Samples, bind
from services.aggregator.mixing.group_statistics import normalised
from services.aggregator.mixing.spread import std
from tests.services.aggregator.groups import groups

EXAMPLES, BATCH = 260, 50


def params_of(name: str, seed: int) -> dict[str, object]:
    rng = random.Random(seed)
    magnitude = rng.choice((0.0, 1e-12, 1e-3, 0.5, 1.0, 1.0, 7.0, 1e6))
    least = rng.choice((0.0, 0.0, 0.5, 4.0, 1e6))
    known: dict[str, dict[str, object]] = {
        "linear": {"weight": magnitude},
        "rlmr": {"gamma": magnitude, "gamma_unit": rng.choice(("reference", "group")), "delta_min": least},
        "rlmr_decoupled": {"gamma": magnitude},
        "rlmr_partial": {"gamma": magnitude, "gamma_unit": rng.choice(("reference", "group")), "delta_min": least},
        "rlmr_graded": {"gamma": magnitude, "grade": rng.choice((0.1, 1.0, 30.0, 1e6))},
        "rlmr_diverse": {
            "gamma": magnitude,
            "diversity": rng.choice((0.0, 0.5, 3.0)),
            "diversity_unit": rng.choice(("group", "reference")),
        },
        "threshold_gate": {"alpha": magnitude - 0.5},
        "corpo": {"r_min": magnitude - 0.5},
        "mean_advantage": {"reduce": rng.choice(("mean", "sum"))},
    }
    known.update(published_params(rng, magnitude))
    return known.get(name, {})


def mean_of(values: list[float]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def check_quality_only(samples: Samples, mixed: Mixed, params: dict) -> None:
    assert mixed.rewards == list(samples.writing)


def check_verify_only(samples: Samples, mixed: Mixed, params: dict) -> None:
    mean = mean_of(mixed.rewards)
    for reward, violates in zip(mixed.rewards, samples.violated, strict=True):
        assert reward == (0.0 if violates else 1.0)
        if 0 < samples.k < samples.n:
            assert (Fraction(reward) < mean) == violates


def check_linear(samples: Samples, mixed: Mixed, params: dict) -> None:
    w = params["weight"]
    for reward, r, violates in zip(mixed.rewards, samples.writing, samples.violated, strict=True):
        assert reward == (r if violates else r + w)


def check_product(samples: Samples, mixed: Mixed, params: dict) -> None:
    for i, reward in enumerate(mixed.rewards):
        assert 0.0 <= reward <= 1.0
        assert (reward == 1.0) == (not samples.violated[i])
        if not samples.judge_passed[i]:
            assert reward == 0.0
        else:
            assert reward == samples.rule_share[i]


def check_threshold_gate(samples: Samples, mixed: Mixed, params: dict) -> None:
    for reward, r, violates in zip(mixed.rewards, samples.writing, samples.violated, strict=True):
        assert reward == (0.0 if violates else 2.0 if r > params["alpha"] else 0.5)


def check_mean_advantage(samples: Samples, mixed: Mixed, params: dict) -> None:
    n = samples.n
    assert abs(math.fsum(mixed.rewards)) <= 1e-9 * n
    bound = 2 * math.sqrt(n) / (2 if params["reduce"] == "mean" else 1)
    assert all(abs(reward) <= bound for reward in mixed.rewards)
    # Better writing and no more violations never pays less, up to rounding.
    for i in range(n):
        for j in range(n):
            if samples.writing[i] > samples.writing[j] and samples.violated[i] <= samples.violated[j]:
                assert mixed.rewards[i] >= mixed.rewards[j] - 1e-12 * bound
    if len(set(samples.writing)) == 1 and len(set(samples.violated)) == 1:
        assert mixed.rewards == [0.0] * n


def check_corpo(samples: Samples, mixed: Mixed, params: dict) -> None:
    for reward, r, violates in zip(mixed.rewards, samples.writing, samples.violated, strict=True):
        if violates or r < params["r_min"]:
            assert reward <= 0  # also when all fail


def check_rlmr(samples: Samples, mixed: Mixed, params: dict) -> None:
    n, k = samples.n, samples.k
    in_group = params.get("gamma_unit") == "group"
    unit = max(std(samples.writing), 0.01) if in_group else 1.0
    gamma, least = params["gamma"] * unit, params.get("delta_min", 0.0) * unit
    assert mixed.delta is not None
    for reward, r, violates in zip(mixed.rewards, samples.writing, samples.violated, strict=True):
        assert reward == (r - mixed.delta if violates else r)  # one penalty, for violators only
    if k == 0:
        assert mixed.delta == 0
        return
    mean = mean_of(mixed.rewards)
    as_floats = sum(mixed.rewards) / n - gamma
    for reward, violates in zip(mixed.rewards, samples.violated, strict=True):
        if violates:
            assert Fraction(reward) <= mean - Fraction(gamma)
            assert reward <= as_floats
    # The equation's delta: to float64's resolution where a float32 trainer resolves gamma, else with the least margin that it does
    # resolve. Restated when the rewards were bounded: resolutions are those of the worst group of this size and scale, no longer of
    # this group, and rewards below one standard deviation count as one.
    best = max(Fraction(r) for r, v in zip(samples.writing, samples.violated, strict=True) if v)
    size = max(n, samples.group_size)
    scale = max(1.0, gamma, least, max(map(abs, samples.writing)))
    float32 = Fraction(2.0**-22 * (size + 8) * scale) * n / (n - k)
    float64 = float32 / 2**29

    def equation(margin: Fraction) -> Fraction:
        return max(Fraction(least), (n * best + n * margin - sum(map(Fraction, samples.writing))) / (n - k))

    assert equation(Fraction(gamma)) <= Fraction(mixed.delta)
    assert Fraction(mixed.delta) <= equation(max(Fraction(gamma), float32) + 2 * float64)


def check_rlmr_decoupled(samples: Samples, mixed: Mixed, params: dict, below: float = 0.0) -> None:
    n, k = samples.n, samples.k
    pairs = list(zip(mixed.rewards, samples.writing, samples.violated, strict=True))
    assert all(reward == r for reward, r, violates in pairs if not violates)
    if k == 0:
        return
    violators = {reward for reward, _, violates in pairs if violates}
    assert len(violators) == 1
    compliant = [r for _, r, violates in pairs if not violates]
    s = max(std(compliant if len(compliant) > 1 else samples.writing), 0.01)
    gamma, mean = params["gamma"] * s, mean_of(mixed.rewards)
    (low,) = violators
    assert Fraction(low) <= mean - Fraction(gamma)
    scale = max(1.0, gamma, below, max(map(abs, samples.writing)))
    float32 = 2.0**-22 * (max(n, samples.group_size) + 8) * scale * n / (n - k)
    assert mean - Fraction(low) <= Fraction(max(gamma, float32)) + Fraction(float32) / 2**27


def check_rlmr_diverse(samples: Samples, mixed: Mixed, params: dict) -> None:
    """rlmr's invariants on the lowered rewards."""
    beta, largest = params["diversity"], MAX_REWARD
    if params["diversity_unit"] == "group":
        beta *= max(std(samples.writing), 0.01) / max(std(samples.likeness), 0.01)
    lowered = [
        min(largest, max(-largest, r - beta * x)) for r, x in zip(samples.writing, samples.likeness, strict=True)
    ]
    check_rlmr(replace(samples, writing=lowered), mixed, params)


def check_rlmr_partial(samples: Samples, mixed: Mixed, params: dict) -> None:
    """rlmr's invariants where a sample complies; elsewhere what a sample meets, whatever it wrote."""
    if samples.k < samples.n:
        check_rlmr(samples, mixed, params)
        return
    assert mixed.rewards == list(samples.met_share)
    assert mixed.delta is None
    assert len(set(mixed.rewards)) > 1


def check_rlmr_graded(samples: Samples, mixed: Mixed, params: dict) -> None:
    """Compliant samples keep their rewards; violators stand below the mean in the order of what they meet, whatever they wrote."""
    rows = list(zip(mixed.rewards, samples.writing, samples.violated, samples.met_share, strict=True))
    assert all(reward == r for reward, r, violates, _ in rows if not violates)
    violators = [(m, reward) for reward, _, violates, m in rows if violates]
    for m, reward in violators:
        for other, less in violators:
            assert reward == less if m == other else (reward >= less) == (m > other)
    if 0 < samples.k < samples.n:
        compliant = [r for _, r, violates, _ in rows if not violates]
        s = max(std(compliant if len(compliant) > 1 else samples.writing), 0.01)
        best, mean = max(reward for _, reward in violators), mean_of(mixed.rewards)
        assert Fraction(best) <= mean - Fraction(params["gamma"] * s)
        if len({m for m, _ in violators}) == 1:
            check_rlmr_decoupled(samples, mixed, params, below=min(params["grade"] * s, MAX_REWARD))


CHECKS: dict[str, Callable[[Samples, Mixed, dict], None]] = {
    "quality_only": check_quality_only,
    "verify_only": check_verify_only,
    "linear": check_linear,
    "product": check_product,
    "threshold_gate": check_threshold_gate,
    "mean_advantage": check_mean_advantage,
    "corpo": check_corpo,
    "rlmr": check_rlmr,
    "rlmr_decoupled": check_rlmr_decoupled,
    "rlmr_diverse": check_rlmr_diverse,
    "rlmr_partial": check_rlmr_partial,
    "rlmr_graded": check_rlmr_graded,
}


def test_every_strategy_has_its_invariants_checked() -> None:
    assert set(CHECKS) == set(STRATEGIES)
    assert len(CHECKS) * EXAMPLES * BATCH >= 100_000


@pytest.mark.parametrize("name", STRATEGIES)
def test_invariants(name: str) -> None:
    seen = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**63))
    def over_random_groups(seed: int) -> None:
        nonlocal seen
        params = params_of(name, seed)
        bound = bind(name, params)
        for samples in groups(seed, BATCH):
            seen += 1
            alike = name in ("rlmr_partial", "rlmr_graded") and len(set(samples.met_share)) == 1
            if samples.k == samples.n and (STRATEGIES[name].drops_all_violate or alike):
                with pytest.raises(AllViolate):
                    bound(samples)
                continue
            mixed = bound(samples)
            assert len(mixed.rewards) == samples.n
            assert all(math.isfinite(reward) for reward in mixed.rewards)
            has_delta = name in ("rlmr", "rlmr_diverse") or (name == "rlmr_partial" and samples.k < samples.n)
            assert (mixed.delta is not None) == has_delta
            CHECKS[name](samples, mixed, params)

    over_random_groups()
    assert seen >= EXAMPLES * BATCH


@pytest.mark.parametrize("name", [n for n, s in STRATEGIES.items() if s.per_sample])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_a_per_sample_strategy_does_not_look_at_siblings(name: str, seed: int) -> None:
    bound = bind(name, params_of(name, seed))
    for samples in groups(seed, 5):
        alone = [
            bound(
                Samples(
                    writing=[samples.writing[i]],
                    violated=[samples.violated[i]],
                    rule_share=[samples.rule_share[i]],
                    judge_passed=[samples.judge_passed[i]],
                )
            ).rewards[0]
            for i in range(samples.n)
        ]
        assert bound(samples).rewards == alone


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_order_of_samples_does_not_matter(name: str, seed: int) -> None:
    bound = bind(name, params_of(name, seed))
    for samples in groups(seed, 5):
        if samples.k == samples.n:
            continue
        order = list(range(samples.n))
        random.Random(seed).shuffle(order)
        shuffled = Samples(
            writing=[samples.writing[i] for i in order],
            violated=[samples.violated[i] for i in order],
            rule_share=[samples.rule_share[i] for i in order],
            judge_passed=[samples.judge_passed[i] for i in order],
            met_share=[samples.met_share[i] for i in order],
            likeness=[samples.likeness[i] for i in order],
            group_size=samples.group_size,
        )
        assert bound(shuffled).rewards == [bound(samples).rewards[i] for i in order]


finite = st.floats(min_value=-MAX_REWARD, max_value=MAX_REWARD, allow_nan=False)


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.tuples(finite, st.booleans()), min_size=2, max_size=12),
    st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1e6)),
)
@example([(5.0, True), (0.0, False), (10.0, False), (10.0, False)], 0.0)
@example([(-5e-324, True), (5e-324, False)], 0.0)
@example([(MAX_REWARD, True), (-MAX_REWARD, False)], 1.0)
def test_rlmr_on_values_that_hypothesis_thinks_up(pairs: list[tuple[float, bool]], gamma: float) -> None:
    samples = Samples(writing=[r for r, _ in pairs], violated=[v for _, v in pairs])
    if samples.k == samples.n:
        with pytest.raises(AllViolate):
            bind("rlmr", {"gamma": gamma})(samples)
        return
    check_rlmr(samples, bind("rlmr", {"gamma": gamma})(samples), {"gamma": gamma})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=10), st.integers(-1000, 1000))
def test_rlmr_does_not_depend_on_the_rewards_origin(pairs: list[tuple[int, bool]], shift: int) -> None:
    violated = [v for _, v in pairs]
    if all(violated):
        return
    here = bind("rlmr", {})(Samples(writing=[float(r) for r, _ in pairs], violated=violated))
    there = bind("rlmr", {})(Samples(writing=[float(r + shift) for r, _ in pairs], violated=violated))
    assert there.delta == pytest.approx(here.delta, rel=1e-9, abs=1e-9)


# Strategies of other papers on several rewards.


def published_params(rng: random.Random, magnitude: float) -> dict[str, dict[str, object]]:
    weight: dict[str, object] = {"compliance_weight": min(1e3, max(1e-3, magnitude))}
    return {
        "gdpo": weight,
        "conditioned": weight,
        "gd2po": {**weight, "snr_threshold": rng.choice((1.0, 1.0, 0.5, 0.2, 0.0))},
        "corrgrpo": weight,
        "rdpo": {**weight, "magnitude_share": rng.choice((0.0, 0.5, 1.0))},
        "lagrangian": {"multiplier": magnitude, "scalarize": rng.choice(("rewards", "advantages"))},
    }


def check_centred(samples: Samples, mixed: Mixed, bound: float) -> None:
    """Mean 0, so that dr_grpo leaves the rewards as they are; none larger than `bound`."""
    assert abs(math.fsum(mixed.rewards)) <= 1e-9 * samples.n * bound
    assert all(abs(reward) <= bound for reward in mixed.rewards)
    if len(set(samples.writing)) == 1 and len(set(samples.violated)) == 1:
        assert mixed.rewards == [0.0] * samples.n


def check_monotone(samples: Samples, mixed: Mixed, bound: float) -> None:
    """Better writing and no more violations never pays less, up to rounding."""
    by_writing = sorted(zip(samples.writing, samples.violated, mixed.rewards, strict=True))
    for (_, violates, reward), (_, next_violates, next_reward) in pairwise(by_writing):
        if next_violates <= violates:
            assert next_reward >= reward - 1e-12 * bound


def check_gdpo(samples: Samples, mixed: Mixed, params: dict) -> None:
    n, k, w = samples.n, samples.k, params["compliance_weight"]
    bound = (1 + w) * math.sqrt(n)
    check_centred(samples, mixed, bound)
    check_monotone(samples, mixed, bound)
    if 0 < k < n:
        std = math.sqrt(k * (n - k) / n / (n - 1))
        if w > math.sqrt((n - 1) * k / (n - k)) * (1 + 1e-4 / std) * (
            1 + 1e-9
        ):  # the weight that is enough for any writing
            assert all(reward < 0 for reward, violates in zip(mixed.rewards, samples.violated, strict=True) if violates)


def check_conditioned(samples: Samples, mixed: Mixed, params: dict) -> None:
    check_centred(samples, mixed, (1 + params["compliance_weight"]) * math.sqrt(samples.n))
    if samples.k == 0:
        assert mixed.rewards == bind("gdpo", params)(samples).rewards
        return
    mean = mean_of(mixed.rewards)
    below = {reward for reward, violates in zip(mixed.rewards, samples.violated, strict=True) if violates}
    assert len(below) == 1 and Fraction(max(below)) < mean
    assert min(mixed.rewards) in below
    # A violator's text counts for nothing.
    pairs = list(zip(samples.writing, samples.violated, strict=True))
    other = Samples(writing=[7.0 if v else r for r, v in pairs], violated=samples.violated)
    assert bind("conditioned", params)(other).rewards == mixed.rewards


def check_gd2po(samples: Samples, mixed: Mixed, params: dict) -> None:
    n, w, threshold = samples.n, params["compliance_weight"], params["snr_threshold"]
    check_centred(samples, mixed, 2 * (1 + w) * math.sqrt(n))
    a = normalised(samples.writing)
    b = [w * z for z in normalised([1.0 - v for v in samples.violated])]
    kept = []
    for a_i, b_i, reward in zip(a, b, mixed.rewards, strict=True):
        conflict = min(abs(a_i), abs(b_i)) > 1e-8 and (a_i < 0) != (b_i < 0)
        if conflict and abs(a_i + b_i) < threshold * (abs(a_i) + abs(b_i)) * (1 - 1e-12):
            assert reward == 0.0
        elif not conflict or threshold == 0 or abs(a_i + b_i) > threshold * (abs(a_i) + abs(b_i)) * (1 + 1e-12):
            kept.append((a_i + b_i, reward))
    # The kept ones differ from each other as in gdpo: one number was subtracted from all of them.
    for (s, reward), (next_s, next_reward) in pairwise(kept):
        assert abs((s - next_s) - (reward - next_reward)) <= 1e-9 * (1 + w) * n


def check_corrgrpo(samples: Samples, mixed: Mixed, params: dict) -> None:
    n, w = samples.n, params["compliance_weight"]
    mean = mean_of([float(r) for r in samples.writing]) + Fraction(w) * (n - samples.k) / n
    total = [
        float(Fraction(r) + (0 if v else Fraction(w)) - mean)
        for r, v in zip(samples.writing, samples.violated, strict=True)
    ]
    largest = max(map(abs, total))
    spread = max(samples.writing) - min(samples.writing) + w
    rounding = 1e-12 * n * spread
    if largest <= rounding:
        assert all(abs(reward) <= 2e3 * rounding for reward in mixed.rewards)
        return
    at = max(range(n), key=lambda i: abs(total[i]))
    factor = mixed.rewards[at] / total[at]  # one positive factor per group: signs and order are those of linear
    assert 0.4999 <= factor <= 1000.001
    for reward, x in zip(mixed.rewards, total, strict=True):
        assert abs(reward - factor * x) <= 2e3 * rounding


def check_rdpo(samples: Samples, mixed: Mixed, params: dict) -> None:
    w = params["compliance_weight"]
    bound = 4 * (1 + w) * math.sqrt(samples.n)  # no direction is stretched by more than sqrt(10)
    check_centred(samples, mixed, bound)
    constant = len(set(samples.writing)) == 1 or len(set(samples.violated)) == 1
    if constant or 0.63 <= w <= 1.58:
        check_monotone(samples, mixed, bound)


def check_lagrangian(samples: Samples, mixed: Mixed, params: dict) -> None:
    price = params["multiplier"]
    if params["scalarize"] == "rewards":
        for reward, r, violates in zip(mixed.rewards, samples.writing, samples.violated, strict=True):
            assert reward == (r - price if violates else r)
        return
    bound = (1 + price) * math.sqrt(samples.n)
    check_centred(samples, mixed, bound)
    check_monotone(samples, mixed, bound)


CHECKS.update(
    gdpo=check_gdpo,
    conditioned=check_conditioned,
    gd2po=check_gd2po,
    corrgrpo=check_corrgrpo,
    rdpo=check_rdpo,
    lagrangian=check_lagrangian,
)

whole_groups = st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=10)
"""Of whole numbers, so that times 4 and plus a whole number are exact."""
SCALED = ("gdpo", "conditioned", "gd2po", "corrgrpo", "rdpo", "lagrangian")


@pytest.mark.parametrize("name", SCALED)
@settings(max_examples=300, deadline=None)
@given(whole_groups, st.integers(0, 2**63), st.integers(-1000, 1000))
def test_what_a_change_of_scale_or_origin_does(name: str, pairs: list[tuple[int, bool]], seed: int, shift: int) -> None:
    params, violated = params_of(name, seed), [v for _, v in pairs]
    if name == "gd2po":
        params["snr_threshold"] = 1.0  # another ratio may lie between what the epsilon makes of the two scales
    if all(violated) and STRATEGIES[name].drops_all_violate:
        return
    bound = bind(name, params)
    here, scaled, shifted = (
        bound(Samples(writing=[float(r * times + plus) for r, _ in pairs], violated=violated)).rewards
        for times, plus in ((1, 0), (4, 0), (1, shift))
    )
    size = 1e-9 * max(1.0, max(map(abs, here + scaled)))
    moved = float(shift) if params.get("scalarize") == "rewards" else 0.0
    assert shifted == pytest.approx([reward + moved for reward in here], abs=max(size, 1e-9 * abs(shift)))
    if name == "rdpo":
        assert scaled == here
    elif name == "corrgrpo" or params.get("scalarize") == "rewards":
        # The writing part, and nothing else, is four times as large: three times the writing differences come on top.
        writing = [r for r, _ in pairs]
        grown = [3 * (r - sum(writing) / len(writing)) for r in writing]
        mean, old_mean = math.fsum(scaled) / len(scaled), math.fsum(here) / len(here)
        differences = [(s - mean) - (h - old_mean) for s, h in zip(scaled, here, strict=True)]
        at = max(range(len(grown)), key=lambda i: abs(grown[i]))
        factor = differences[at] / grown[at] if grown[at] else 1.0
        assert 0.4999 <= factor <= 1000.001
        assert name == "corrgrpo" or factor == pytest.approx(1.0)
        assert differences == pytest.approx([factor * g for g in grown], abs=1e3 * size)
    else:
        # Whole numbers have a std of at least 1 / 4 where they have one at all: the epsilon moves a z-score by less than 3e-4 of it.
        assert scaled == pytest.approx(here, abs=2e-3 * math.sqrt(len(pairs)))


@settings(max_examples=300, deadline=None)
@given(st.lists(finite, min_size=2, max_size=12))
def test_an_epsilon_lets_four_times_the_reward_be_worth_one_to_four_times(writing: list[float]) -> None:
    small = [r / 4 for r in writing]
    for z, z_of_four in zip(normalised(small), normalised([4 * r for r in small]), strict=True):
        assert abs(z) * (1 - 1e-12) <= abs(z_of_four) <= 4 * abs(z) * (1 + 1e-12)
        assert z * z_of_four >= 0
