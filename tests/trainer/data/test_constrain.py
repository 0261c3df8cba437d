"""Constraints are attached in the prompt's language, possible together, and none is attached that the text does not say."""

import random
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from services.verifier.constraints import prepare
from trainer.data.constrain import DIFFICULTIES, constrain
from trainer.data.feasibility import problems
from trainer.data.offers import OFFERS
from trainer.data.prompts import read_prompts
from trainer.data.rows import PromptRow, read
from trainer.data.seed_prompts import seed_prompts


def test_every_offer_draws_arguments_its_checker_takes_and_says_every_number_of_them() -> None:
    for offer in OFFERS:
        for language, wordings in offer.wordings.items():
            for i in range(30):
                kwargs, extra = offer.draw(random.Random(i), i / 29, language)
                prepare(offer.kind, kwargs)
                for wording in wordings:
                    said = wording.format(**kwargs, **extra)
                    values = [v for k, v in kwargs.items() if k in ("min", "max") and v]
                    words = [*kwargs.get("phrases", ()), *([kwargs["phrase"]] if "phrase" in kwargs else [])]
                    assert all(str(value) in said for value in [*values, *words]), (offer.kind, said)


@pytest.mark.parametrize("seed", range(3))
def test_all_seeds_can_be_constrained_without_contradiction(seed: int) -> None:
    rows = constrain(seed_prompts(), seed)
    for row in rows:
        assert row.difficulty is not None and row.label.constraints is not None
        assert len(row.label.constraints) == DIFFICULTIES[row.difficulty][0]
        assert problems(row.label.constraints, row.language) == []
        assert row.text.startswith(row.provenance["constrained_from"])
    kinds = Counter(c.type for row in rows for c in row.label.constraints or ())
    assert len(kinds) >= 15
    assert max(kinds.values()) < 0.3 * kinds.total(), "no kind dominates"
    lengths = [c.kwargs for row in rows for c in row.label.constraints or () if c.type == "length:words"]
    assert sum("min" in k for k in lengths) > 0.3 * len(lengths) and sum("max" in k for k in lengths) > 0.3 * len(
        lengths
    )


def test_chinese_prompts_get_no_checker_of_english_and_verse_no_tense() -> None:
    for row in constrain(seed_prompts(("zh",))):
        assert row.text.isascii() is False
        assert not {c.type for c in row.label.constraints or ()} & {"narration:tense", "punctuation:no_comma"}


def test_the_command_writes_what_the_trainer_reads_and_the_same_twice(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["data", "seeds", str(tmp_path / "seeds.jsonl")]).exit_code == 0
    for name in ("a", "b"):
        found = run(app, ["data", "constrain", str(tmp_path / "seeds.jsonl"), str(tmp_path / name)])
        assert found.exit_code == 0, found.output
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert len(read_prompts(tmp_path / "a")) == 252
    assert run(app, ["data", "check", str(tmp_path / "a")]).exit_code == 0
    run(app, ["data", "constrain", str(tmp_path / "seeds.jsonl"), str(tmp_path / "c"), "--by-judge"])
    assert {row.label.constraints is None for row in read(tmp_path / "c", PromptRow)} == {True}


def test_a_wrong_difficulty_names_the_right_ones(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["data", "constrain", "x", "y", "--difficulty", "brutal"])
    assert (found.exit_code, "easy, medium, hard" in found.output) == (2, True)
