"""Folders made of answers, and the sample contest."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from rlmr.mistake import Mistake
from tests.trainer.arena.arena_process import ArenaProcess
from tests.trainer.arena.contests import write_lines
from trainer.arena.assignment import comparisons
from trainer.arena.folder import read_contest
from trainer.arena.making import DEMO, make_folder


def answers(path: Path, prompts: str, word: str) -> Path:
    """Two samples of every prompt, as `rlmr data answers` writes them."""
    rows = [{"input": [{"role": "user", "content": p}], "response": f"{word} {p} {n}"} for p in prompts for n in (1, 2)]
    write_lines(path, rows)
    return path


def test_the_first_answers_to_shared_prompts_make_a_folder(tmp_path: Path) -> None:
    before, after = answers(tmp_path / "before.jsonl", "abcd", "old"), tmp_path / "after.json"
    rows = [{"prompt": p, "response": f"new {p}", "violated": False} for p in "xdcb"]
    after.write_text(json.dumps({"rows": rows, "failures": 0}))  # a run's own form
    made = make_folder(tmp_path / "out", {"before": before, "tuned": after})
    assert (made.prompts, made.left_out) == (3, 2)
    contest = read_contest(tmp_path / "out")
    assert [row.prompt[0].content for row in contest.prompts.values()] == ["b", "c", "d"]
    assert contest.arms == {
        "before": {"p1": "old b 1", "p2": "old c 1", "p3": "old d 1"},
        "tuned": {"p1": "new b", "p2": "new c", "p3": "new d"},
    }


def test_a_draw_of_prompts_depends_on_the_seed_alone(tmp_path: Path) -> None:
    arms = {"a": answers(tmp_path / "a.jsonl", "abcdefgh", "x"), "b": answers(tmp_path / "b.jsonl", "hgfedcba", "y")}
    for name, seed in (("one", 1), ("same", 1), ("two", 2)):
        make_folder(tmp_path / name, arms, most=3, seed=seed)
    one, same, two = ((tmp_path / name / "prompts.jsonl").read_text() for name in ("one", "same", "two"))
    assert one == same != two


def test_mistakes_are_named(tmp_path: Path) -> None:
    good, other = answers(tmp_path / "a.jsonl", "ab", "x"), answers(tmp_path / "b.jsonl", "cd", "y")
    with pytest.raises(Mistake, match="no prompt is answered in all"):
        make_folder(tmp_path / "out", {"a": good, "b": other})
    with pytest.raises(Mistake, match="not empty"):
        make_folder(tmp_path, {"a": good, "b": good})
    write_lines(other, [{"prompt": "a", "response": 3}])
    with pytest.raises(Mistake, match=r"b.jsonl:1: response: "):
        make_folder(tmp_path / "out", {"a": good, "b": other})
    for text in ("[]", '{"rows": 3}', "nonsense"):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(Mistake, match=r"c.json: no {\"rows\""):
            make_folder(tmp_path / "out", {"a": good, "c": tmp_path / "c.json"})
    (tmp_path / "c.json").write_text('{"rows": [{"prompt": "a"}]}')
    with pytest.raises(Mistake, match=r"c.json: rows.0: response: Field required"):
        make_folder(tmp_path / "out", {"a": good, "c": tmp_path / "c.json"})
    assert not (tmp_path / "out").exists()
    run = CliRunner().invoke
    assert "say NAME=FILE" in run(app, ["arena", "make", str(tmp_path / "out"), str(good), str(good)]).output
    assert "give two files" in run(app, ["arena", "make", str(tmp_path / "out"), str(good)]).output
    made = run(app, ["arena", "make", str(tmp_path / "out"), str(good), f"again={good}"])
    assert made.exit_code == 0 and "2 prompts, arms a, again" in made.output


def test_the_sample_contest_is_whole_and_served_by_one_command(tmp_path: Path) -> None:
    assert len(comparisons(read_contest(DEMO))) == 6
    for _ in "12":  # a second time it goes on
        with ArenaProcess(tmp_path / "demo", command="demo") as served:
            assert list(served.links) == ["standing", "you", "a friend"]
