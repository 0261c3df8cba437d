"""Constraints within a policy's reach: some of its answers meet them and some do not, floors as often as ceilings."""

import json
import random
from collections import Counter
from pathlib import Path

from typer.testing import CliRunner

from rlmr.cli import app
from services.verifier.constraints import check
from trainer.data.rows import PromptRow, read, write
from trainer.data.seed_prompts import seed_prompts


def constraining(prompts: Path, out: Path, answers: Path) -> list[str]:
    return ["data", "constrain", str(prompts), str(out), "--answers", str(answers), "--difficulty", "easy"]


def test_a_constraint_is_met_by_some_answers_and_not_by_all(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = [row for row in seed_prompts() if row.language == "en"][:60]
    prompts, answers, out = tmp_path / "p.jsonl", tmp_path / "a.jsonl", tmp_path / "o.jsonl"
    write(rows, prompts)
    texts: dict[str, list[str]] = {}
    for row in rows[:50]:  # ten prompts have no answers
        for _ in range(8):
            sentences = [
                " ".join(rng.choices(["lamp", "very", "salt"], k=rng.randint(4, 16))).capitalize()
                for _ in range(rng.randint(2, 9))
            ]
            texts.setdefault(row.text, []).append(". ".join(sentences) + ".")
    lines = [json.dumps({"prompt": prompt, "response": text}) for prompt, own in texts.items() for text in own]
    answers.write_text("\n".join(lines))
    command = [*constraining(prompts, out, answers), "--keep", "0.2", "0.8"]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0 and "prompts left out" in found.output, found.output
    made = read(out, PromptRow)
    assert 35 <= len(made) <= 50
    kinds: Counter[str] = Counter()
    for row in made:
        (constraint,) = row.label.constraints or []
        own = texts[row.provenance["constrained_from"]]
        kept = sum(check(constraint.type, constraint.kwargs, row.text, text).passed for text in own)
        assert 0.2 <= kept / len(own) <= 0.8
        kinds.update(name for name in ("min", "max") if name in constraint.kwargs)
    assert min(kinds["min"], kinds["max"]) >= 10, kinds


def test_a_floor_stands_beside_what_is_drawn_and_counts_in_what_answers_meet(tmp_path: Path) -> None:
    rows = [row for row in seed_prompts() if row.language == "en"][:20]
    prompts, answers, out = tmp_path / "p.jsonl", tmp_path / "a.jsonl", tmp_path / "o.jsonl"
    write(rows, prompts)
    long, short = "The lamp was out. " * 10, "The lamp was out."
    lines = [{"prompt": row.text, "response": text} for row in rows for text in (long, long, short, short)]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = [*constraining(prompts, out, answers), "--floor", "30"]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    for row in read(out, PromptRow):
        first, second = row.label.constraints or []
        assert (first.type, first.kwargs) == ("length:words", {"min": 30})
        assert not (second.type == "length:words" and "max" not in second.kwargs), "one floor of words is enough"
        assert "30 words" in row.text or "30 word" in row.text
        assert check(second.type, second.kwargs, row.text, long).passed, "only the long answers can meet both"
        assert row.provenance["constrained_from"] in [r.text for r in rows]
    alone = CliRunner().invoke(app, [*asked[:4], "--floor", "30"])
    assert alone.exit_code == 2 and "--floor: give --answers too" in alone.output, alone.output


def test_no_prompt_stands_on_both_sides_of_a_split(tmp_path: Path) -> None:
    rows = [row for row in seed_prompts() if row.language == "en"]
    twice = [*rows, *(row.model_copy(update={"provenance": {"constrained_from": row.text}}) for row in rows)]
    file, train, held = (tmp_path / name for name in ("p.jsonl", "t.jsonl", "h.jsonl"))
    write(twice, file)
    found = CliRunner().invoke(app, ["data", "split", str(file), str(train), str(held), "--share", "0.2"])
    assert found.exit_code == 0, found.output
    sides = [[row.text for row in read(path, PromptRow)] for path in (train, held)]
    assert not set(sides[0]) & set(sides[1]) and len(sides[0]) + len(sides[1]) == len(twice)
    assert 0.1 < len(sides[1]) / len(twice) < 0.3
    few = CliRunner().invoke(app, ["data", "split", str(file), str(train), str(held), "--share", "0.01", "--seed", "1"])
    assert few.exit_code == 0 or "two sides" in few.output
