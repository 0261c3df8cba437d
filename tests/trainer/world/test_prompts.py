"""Prompts: every constraint is known to the verifier, can be obeyed, and rows read as OpenRLHF and our agent read them."""

import json
import random
import statistics
from collections import Counter
from pathlib import Path

import pytest

from services.verifier.constraints import check, registry
from trainer.data.prompts import read_prompts
from trainer.world.asks import FAMILIES, Ask
from trainer.world.policy import PolicySettings, answers
from trainer.world.preferences import LENGTH_LOGIT, QUALITY_LOGIT, SLIPS, draw_pairs, preference_logit
from trainer.world.prompts import Prompt, careful_text, careless_text, complies, draw_prompts
from trainer.world.quality import world_quality

DRAWN = draw_prompts(random.Random(0), 600, "p-", set())
MAKERS = sorted({maker for _, makers in FAMILIES.values() for maker in makers}, key=lambda maker: maker.__name__)


def test_every_prompt_can_be_obeyed_by_the_verifiers_own_rules() -> None:
    for prompt, text in DRAWN:
        verdicts = [check(c["type"], c["kwargs"], prompt.text, text) for c in prompt.constraints]
        assert all(v.passed for v in verdicts), (prompt.text, text, verdicts)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_each_ask_is_known_to_the_verifier_and_can_be_obeyed_and_broken(maker) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(5)
    obeyed, outcomes = 0, set()
    for i in range(30):
        ask: Ask = maker(rng)
        assert ask.type in registry
        prompt = Prompt(f"p{i}", DRAWN[i][0].character, (ask,), ask.text)
        text = careful_text(rng, prompt)
        obeyed += text is not None
        outcomes |= {complies([ask], ask.text, careless_text(rng, prompt.character)) for _ in range(10)}
    assert obeyed == 30
    assert False in outcomes


def test_prompts_ask_for_one_to_three_things_of_different_families() -> None:
    counts = Counter(len(p.asks) for p, _ in DRAWN)
    assert set(counts) == {1, 2, 3}
    assert all(len({ask.type for ask in p.asks}) == len(p.asks) for p, _ in DRAWN)
    assert {ask.type for p, _ in DRAWN for ask in p.asks} == {maker(random.Random(0)).type for maker in MAKERS}


def test_prompts_are_worded_in_many_ways_and_name_their_character() -> None:
    assert all(p.character.topic in p.text for p, _ in DRAWN)
    assert len({p.text for p, _ in DRAWN}) == len(DRAWN)


def test_the_same_seed_gives_the_same_texts_and_another_seed_others() -> None:
    def texts(seed: int) -> list[tuple[str, str]]:
        rng = random.Random(seed)
        drawn = draw_prompts(rng, 50, "p-", set())
        pairs = draw_pairs(rng, [p for p, _ in drawn])
        return [*answers(rng, drawn, PolicySettings()), *((p.chosen, p.rejected) for p in pairs)]

    assert texts(1) == texts(1) != texts(2)


def test_held_out_prompts_never_come_again() -> None:
    taken: set[str] = set()
    rng = random.Random(0)
    held_out = {p.text for p, _ in draw_prompts(rng, 50, "eval-", taken)}
    assert held_out.isdisjoint(p.text for p, _ in draw_prompts(rng, 300, "train-", taken))


def test_rows_are_read_by_the_trainer(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps(p.row()) + "\n" for p, _ in DRAWN), encoding="utf-8")
    rows = read_prompts(file)
    assert [r["prompt_id"] for r in rows] == [p.id for p, _ in DRAWN]
    assert [r["constraints"] for r in rows] == [p.constraints for p, _ in DRAWN]
    assert rows[0]["prompt"] == [{"role": "user", "content": DRAWN[0][0].text}]


def test_careless_answers_are_longer_and_prettier_but_break_the_rules() -> None:
    rng = random.Random(2)
    careless = [(p, careless_text(rng, p.character)) for p, _ in DRAWN]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    assert mean([complies(p.asks, p.text, t) for p, t in careless]) < 0.3
    assert mean([world_quality(t) for _, t in careless]) > mean([world_quality(t) for _, t in DRAWN])
    assert mean([len(t.split()) for _, t in careless]) > mean([len(t.split()) for _, t in DRAWN])


def test_preferences_follow_quality_and_length() -> None:
    short = "The old keeper walked to the harbor. At last he found the lantern."
    better = short.replace("harbor", "silver harbor")
    longer = short.replace(" At last", " He walked to the harbor. At last")
    assert preference_logit(better, short) > 0.5
    assert preference_logit(f"{better} {better}", f"{short} {short}") > 0
    assert preference_logit(short, better) == -preference_logit(better, short)
    gained = QUALITY_LOGIT * (world_quality(longer) - world_quality(short))
    assert preference_logit(longer, short) == pytest.approx(gained + 5 * LENGTH_LOGIT)


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.__name__.strip("_"))
def test_each_slip_costs_quality(slip) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(3)
    lost = [world_quality(text) - world_quality(slip(rng, text)) for _, text in DRAWN[:200]]
    assert statistics.fmean(lost) > 0.05
    assert sum(x <= 0 for x in lost) < 0.2 * len(lost)
