"""`rlmr eval pairwise` with judges that are scripts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.data.scripted_endpoint import endpoint
from tests.trainer.evaluation import haiku
from trainer.evaluation.benchmark import Unparseable
from trainer.evaluation.pairwise import read_winner


@pytest.fixture
def files(tmp_path: Path) -> tuple[object, ...]:
    """Three models; 'good' is the best writer, 'long' writes most, 'short' lacks the last prompt."""
    (tmp_path / "prompts.jsonl").write_text(
        "".join(json.dumps({"key": n, "prompt": f"Ask {n}"}) + "\n" for n in range(6))
    )
    given: list[object] = ["--data", tmp_path / "prompts.jsonl"]
    for name, length, count in (("good", 20, 6), ("long", 60, 6), ("short", 5, 5)):
        path = tmp_path / f"{name}.jsonl"
        rows = [{"key": n, "response": f"{name} " + "x" * (length + n)} for n in range(count)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        given += ["--responses", f"{name}={path}"]
    return tuple(given)


def shown(body: dict[str, Any]) -> tuple[str, str]:
    text = body["messages"][-1]["content"]
    found = re.search(r"Answer A:\n(\w+).*Answer B:\n(\w+)", text, re.DOTALL)
    assert found
    return found[1], found[2]


def says(winner: str) -> str:
    return json.dumps({"reason": "so", "winner": winner})


def run(files: tuple[object, ...], out: Path, url: str, *more: object) -> tuple[int, str]:
    judge = ("--judge-url", url, "--judge-model", "critic", "--attempts", "1", "--at-once", "2")
    return haiku.run("pairwise", *files, *judge, "--out", out, *more)


def test_pairs_in_both_orders_and_a_ranking(files: tuple[object, ...], tmp_path: Path) -> None:
    rank = {"good": 0, "long": 1, "short": 2}

    def judge(number: int, body: dict[str, Any]) -> str:
        a, b = shown(body)
        if {a, b} == {"long", "short"}:
            return says("A")  # only position decides here
        return says("A" if rank[a] < rank[b] else "B")

    out = tmp_path / "out"
    with endpoint(judge) as (url, asked):
        code, printed = run(files, out, url)
    assert code == 0, printed
    # 6 prompts of good against long, 5 of each other pair, both orders.
    assert len(asked) == 2 * (6 + 5 + 5)
    found = json.loads((out / "results.json").read_text())
    pairs = {(p["a"], p["b"]): p for p in found["pairs"]}
    assert (pairs["good", "long"]["won"], pairs["good", "long"]["win_rate"]["value"]) == (6, 1.0)
    assert pairs["good", "long"]["first_place"]["value"] == 0.5
    biased = pairs["long", "short"]
    assert (biased["prompts"], biased["tied"], biased["win_rate"]["value"]) == (5, 5, 0.5)
    assert (biased["first_place"]["value"], biased["consistency"]["value"]) == (1.0, 0.0)
    assert next(iter(found["ranking"])) == "good"
    page = (out / "index.html").read_text()
    assert "good against long" in page and "http" not in page.replace(url, "")
    # Again: nothing is asked twice.
    with endpoint(judge) as (_, again):
        assert run(files, out, url)[0] == 0
    assert again == []


def test_a_prompt_with_one_unreadable_order_is_in_no_figure(files: tuple[object, ...], tmp_path: Path) -> None:
    def judge(number: int, body: dict[str, Any]) -> str:
        if shown(body) == ("good", "long") and "Ask 3" in body["messages"][-1]["content"]:
            return "Both are fine."
        return says("tie")

    out = tmp_path / "out"
    with endpoint(judge) as (url, _):
        assert run(files, out, url)[0] == 0
    found = json.loads((out / "results.json").read_text())
    assert found["counts"]["unparseable"] == 1
    assert [p["prompts"] for p in found["pairs"]] == [5, 5, 5]
    assert found["pairs"][0]["first_place"] == {"value": None, "low": None, "high": None}


def test_one_bad_file_is_named(files: tuple[object, ...], tmp_path: Path) -> None:
    code, printed = run(files[:4], tmp_path / "out", "http://127.0.0.1:1")
    assert code == 2
    assert "two or more" in printed
    code, printed = run((*files, "--responses", f"other={tmp_path / 'none'}"), tmp_path / "out", "http://127.0.0.1:1")
    assert code == 2
    assert "No such file" in printed


@pytest.mark.parametrize("reply", ["A", '{"winner": "A"}', '{"reason": "r", "winner": "C"}', says("A") + says("B")])
def test_what_names_no_winner_is_unparseable(reply: str) -> None:
    with pytest.raises(Unparseable):
        read_winner(reply)


def test_the_winner_follows_the_thinking() -> None:
    assert read_winner(f"<think>{says('A')}</think>{says('B')}") == (0.0, "so")
