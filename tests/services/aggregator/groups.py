"""Random groups for property tests: every shape that has broken a reward once (ties, huge, tiny, shifted, k = 0, k = n, n = 1)."""

import random
from collections.abc import Iterator

from services.aggregator.mixing import MAX_REWARD, Samples

SIZES = (1, 2, 3, 4, 8, 16, 64)
SCALES = (1e-300, 1e-30, 1e-6, 1.0, 1.0, 1.0, 1e3, 1e5, MAX_REWARD)


def one_writing(rng: random.Random, n: int) -> list[float]:
    scale = rng.choice(SCALES)
    offset = rng.choice((0.0, 0.0, scale, -scale, 1e3))
    kind = rng.randrange(4)
    if kind == 0:  # ties
        levels = [rng.gauss(0, 1) for _ in range(rng.randint(1, 3))]
        values = [rng.choice(levels) for _ in range(n)]
    elif kind == 1:  # all equal
        values = [rng.gauss(0, 1)] * n
    elif kind == 2:  # one far away
        values = [rng.gauss(0, 1e-3) for _ in range(n)]
        values[rng.randrange(n)] = rng.choice((-1.0, 1.0)) * rng.random()
    else:
        values = [rng.gauss(0, 1) for _ in range(n)]
    return [min(MAX_REWARD, max(-MAX_REWARD, offset + scale * x)) for x in values]


def violations(rng: random.Random, n: int) -> list[bool]:
    k = rng.choice((0, n, rng.randint(0, n), rng.randint(0, n), min(1, n), n - 1))
    flags = [i < k for i in range(n)]
    rng.shuffle(flags)
    return flags


def group(rng: random.Random) -> Samples:
    n = rng.choice(SIZES)
    violated = violations(rng, n)
    rule_share, judge_passed, met_share = [], [], []
    for bad in violated:
        share = rng.choice((0.0, 1 / 3, 0.5, 1.0)) if bad else 1.0
        rule_share.append(share)
        judge_passed.append(not bad if share == 1.0 else rng.random() < 0.5)
        met_share.append(rng.choice((0.0, 1 / 3, 0.5)) if bad else 1.0)
    return Samples(
        writing=one_writing(rng, n),
        violated=violated,
        rule_share=rule_share,
        judge_passed=judge_passed,
        met_share=met_share,
        likeness=[rng.random() for _ in range(n)],
        group_size=n + rng.choice((0, 0, n)),
    )


def groups(seed: int, count: int) -> Iterator[Samples]:
    rng = random.Random(seed)
    for _ in range(count):
        yield group(rng)
