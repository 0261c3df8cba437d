"""Prompt files: read with the line and field of what is wrong, written as OpenRLHF reads them."""

import json
from pathlib import Path

import pytest

from rlmr.mistake import Mistake
from trainer.data.prompts import prepare, read_prompts

GOOD = {
    "input": [{"role": "user", "content": "A story, no commas."}],
    "label": {"prompt_id": "p1", "constraints": [{"type": "punctuation:no_comma"}]},
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), encoding="utf-8")
    return path


def test_label_may_be_an_object_or_json_text(tmp_path: Path) -> None:
    as_text = {"input": "A story.", "label": json.dumps({"prompt_id": "p2", "constraints": None})}
    rows = read_prompts(write(tmp_path / "p.jsonl", GOOD, as_text))
    assert [r["prompt_id"] for r in rows] == ["p1", "p2"]
    assert rows[1] == {"prompt_id": "p2", "prompt": [{"role": "user", "content": "A story."}], "constraints": None}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "p.jsonl:2"),
        ({"input": "x"}, "label"),
        ({"input": "x", "label": {"constraints": []}}, "prompt_id"),
        ({"input": "x", "label": {"prompt_id": "q"}}, "constraints"),
        ({"input": [{"role": "poet", "content": "x"}], "label": {"prompt_id": "q", "constraints": []}}, "role"),
        ({"input": "x", "label": {"prompt_id": "q", "constraints": [{"id": "no_comma"}]}}, "type"),
        (GOOD, "stands twice"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(Mistake, match=message):
        read_prompts(write(tmp_path / "p.jsonl", GOOD, row))


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="no prompts"):
        read_prompts(write(tmp_path / "p.jsonl", ""))


def test_prepared_rows_carry_the_prompt_in_the_label(tmp_path: Path) -> None:
    rows = read_prompts(write(tmp_path / "p.jsonl", GOOD))
    assert prepare(rows, tmp_path / "out.jsonl", split="train") == 1
    row = json.loads((tmp_path / "out.jsonl").read_text())
    label = json.loads(row["label"])
    assert row["input"] == label["prompt"] == GOOD["input"]
    assert (label["prompt_id"], label["split"]) == ("p1", "train")


def test_the_choice_of_prompts_follows_the_seed(tmp_path: Path) -> None:
    rows = [{"prompt_id": str(i), "prompt": [], "constraints": []} for i in range(50)]

    def ids(seed: int) -> list[str]:
        prepare(rows, tmp_path / "out.jsonl", split="train", count=10, seed=seed)
        return [json.loads(json.loads(line)["label"])["prompt_id"] for line in (tmp_path / "out.jsonl").open()]

    assert ids(1) == ids(1) != ids(2)
