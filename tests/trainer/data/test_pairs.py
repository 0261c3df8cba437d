"""Pairs: corruptions harm by grades and not by length, choices count by majority, a judge must say the same twice, length is matched."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.trainer.data.scripted_endpoint import endpoint
from trainer.data.corruptions import GRADES, KINDS, corrupt, pieces
from trainer.data.rows import PairRow, read
from trainer.data.similarity import tokens

ENGLISH = "The ferry left late. Mara counted the gulls twice. Nobody on the pier waved. She kept the ticket in her glove! Rain came by noon."
CHINESE = "渡船开得很晚。她把海鸥数了两遍。码头上没有人挥手。票还藏在手套里。中午就下雨了。"
OTHERS = {
    ENGLISH: [
        "The baker closed early.",
        "A dog slept on the stones.",
        "Who would say so?",
        "The lamp on the stairs went out again.",
    ],
    CHINESE: ["面包店早早关了门。", "一只狗睡在石头上。", "谁会这么说呢？", "楼梯上的灯又灭了。"],
}


def rows(path: Path, *values: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values), encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_keeps_the_length_and_grows_with_its_grade(text: str, kind: str) -> None:
    assert "".join(pieces(text)) == text
    differing = []
    for grade in GRADES:
        harmed = [corrupt(text, kind, grade, random.Random(seed), OTHERS[text]) for seed in range(20)]
        made = [h for h in harmed if h is not None]
        assert len(made) >= 15
        average = sum(len(tokens(h)) for h in made) / len(made)
        assert abs(average - len(tokens(text))) <= 0.3 * len(tokens(text))
        before = [p for p in pieces(text) if p.strip()]
        differing.append(
            sum(a != b for h in made for a, b in zip(before, [p for p in pieces(h) if p.strip()], strict=False))
            / len(made)
        )
    if kind != "exchange":  # which reaches into other sentences at once
        assert differing[0] <= differing[1] <= differing[2] and differing[0] < differing[2], differing


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_padding_says_again_what_the_text_has_said(text: str) -> None:
    """As a text that is padded by repetition does: its beginning, and then no new sentence, or no new words in a sentence."""
    before = [p for p in pieces(text) if p.strip()]
    for grade, kept in (("slight", 4), ("clear", 3), ("heavy", 1)):
        harmed = corrupt(text, "padding", grade, random.Random(0))
        assert harmed is not None
        after = [p for p in pieces(harmed) if p.strip()]
        assert len(after) == len(before) and after[:kept] == before[:kept] and set(after[kept:]) <= set(before[:kept])
    looped = corrupt(text, "loop", "heavy", random.Random(0))
    assert looped is not None and len(tokens(looped)) == len(tokens(text))
    assert len(set(tokens(looped))) <= 0.7 * len(set(tokens(text)))


def test_one_sentence_can_loop() -> None:
    assert corrupt("She kept it in her glove.", "loop", "slight", random.Random(0)) == "She kept it she kept it."
    assert corrupt("Gone.", "loop", "heavy", random.Random(0)) is None
    assert corrupt("Only this.", "padding", "heavy", random.Random(0)) is None


def test_one_sentence_has_no_order() -> None:
    assert corrupt("Only this.", "order", "heavy", random.Random(0)) is None
    assert corrupt("Only this.", "repetition", "heavy", random.Random(0)) is None


def test_pairs_of_corruptions_are_length_matched_and_the_report_proves_it(tmp_path: Path) -> None:
    words = ["ferry", "lamp", "harbor", "thread", "bell", "copper", "salt", "ladder", "stone", "window"]
    rng = random.Random(1)
    answers = []
    for i in range(60):
        sentences = [" ".join(rng.choices(words, k=rng.randint(3, 9))).capitalize() + "." for _ in range(6)]
        answers.append({"prompt": f"Prompt {i}", "response": " ".join(sentences), "domain": "story"})
    source = rows(tmp_path / "good.jsonl", *answers)
    out, report = tmp_path / "pairs.jsonl", tmp_path / "bias.json"
    found = CliRunner().invoke(app, ["data", "pairs", str(out), "--corrupt", str(source), "--report", str(report)])
    assert found.exit_code == 0, found.output
    pairs = read(out, PairRow)
    assert len(pairs) > 70
    bias = json.loads(report.read_text())["after"]
    assert bias["longer_chosen"] == bias["shorter_chosen"]
    assert bias["auc"] == pytest.approx(0.5, abs=0.03)
    assert {p.provenance["kind"] for p in pairs} == set(KINDS) and {p.provenance["grade"] for p in pairs} == set(GRADES)
    assert pairs[0].provenance["from"].endswith("good.jsonl:1")
    assert CliRunner().invoke(app, ["data", "check", str(out)]).exit_code == 0


def test_human_choices_count_by_majority_and_a_bad_row_names_its_field(tmp_path: Path) -> None:
    vote = {"prompt": "P", "a": "one text", "b": "other text"}
    tied = {"prompt": "Q", "a": "x x", "b": "y y", "choice": "tie"}
    source = rows(tmp_path / "c.jsonl", vote | {"choice": "b"}, vote | {"choice": "a"}, vote | {"choice": "b"}, tied)
    out = tmp_path / "pairs.jsonl"
    assert CliRunner().invoke(app, ["data", "pairs", str(out), "--choices", str(source)]).exit_code == 0
    (only,) = read(out, PairRow)
    assert (only.good, only.provenance["votes"]) == ("other text", "2 of 3")
    bad = rows(tmp_path / "bad.jsonl", vote | {"choice": "b"}, vote | {"choice": "left"})
    found = CliRunner().invoke(app, ["data", "pairs", str(out), "--choices", str(bad)])
    assert f"{bad}:2: choice: 'left'" in found.output and found.exit_code == 2


def test_strong_answers_stand_against_weak_ones_to_the_same_prompt(tmp_path: Path) -> None:
    strong = rows(
        tmp_path / "s.jsonl", {"prompt": "P", "response": "a fine text"}, {"prompt": "Q", "response": "alone"}
    )
    weak = rows(tmp_path / "w.jsonl", {"prompt": "P", "response": "a poor text"}, {"prompt": "R", "response": "alone"})
    out = tmp_path / "pairs.jsonl"
    assert (
        CliRunner().invoke(app, ["data", "pairs", str(out), "--strong", str(strong), "--weak", str(weak)]).exit_code
        == 0
    )
    assert [(p.good, p.bad) for p in read(out, PairRow)] == [("a fine text", "a poor text")]


def test_a_judge_that_only_likes_the_first_place_makes_no_pairs(tmp_path: Path) -> None:
    answers = [{"prompt": f"P{i}", "response": f"{word} text"} for i in range(3) for word in ("good", "bad")]
    source, out = rows(tmp_path / "a.jsonl", *answers), tmp_path / "pairs.jsonl"

    def honest(number: int, body: dict[str, Any]) -> Any:
        if number == 0:
            return 503
        return "A" if "Text A:\ngood" in body["messages"][0]["content"] else "**B**"

    for script, code, says in ((honest, 0, "in 0 pairs"), (lambda n, b: "A", 2, "in 3 pairs")):
        with endpoint(script) as (url, _):
            found = CliRunner().invoke(
                app, ["data", "pairs", str(out), "--judged", str(source), "--judge-url", url, "--judge-model", "m"]
            )
        assert (found.exit_code, says in found.output) == (code, True), found.output
    assert {p.good for p in read(out, PairRow)} == {"good text"}
