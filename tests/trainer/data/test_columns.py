"""Prompts from tables, with whatever names their columns have."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from rlmr.mistake import Mistake
from trainer.data.columns import Columns, read_table

SHORT = [{"type": "length_constraints:number_words", "kwargs": {"relation": "less than", "num_words": 41}}]
ROWS: list[dict[str, Any]] = [
    {"query": "A story about the sea.", "checks": json.dumps(SHORT), "key": 7},
    {"query": "A poem.", "checks": "[]", "key": 8},
]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    if path.suffix == ".parquet":
        datasets.Dataset.from_list(rows).to_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.parametrize("name", ["prompts.jsonl", "prompts.parquet"])
def test_columns_are_mapped(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, ROWS)
    rows = read_table(source, Columns(prompt="query", constraints="checks", id="key"))
    assert rows[0] == {
        "prompt_id": "7",
        "prompt": [{"role": "user", "content": "A story about the sea."}],
        "constraints": SHORT,
    }
    assert [row["constraints"] for row in read_table(source, Columns(prompt="query"))] == [None, None]


def test_chat_messages_are_taken_as_they_are(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write."}]
    (row,) = read_table(write(tmp_path / "c.parquet", [{"prompt": chat}]), Columns())
    assert (row["prompt_id"], row["prompt"]) == ("row-0", chat)


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (ROWS, Columns(), "no column 'prompt'; set columns.prompt to one of query, checks, key"),
        ([{**ROWS[0], "key": 1}] * 2, Columns(prompt="query", id="key"), "row 1: id '1' stands twice"),
        ([{"prompt": "p", "c": "{"}], Columns(constraints="c"), "row 0: column 'c' is not JSON"),
        ([{"prompt": "p", "c": '[{"kwargs": {}}]'}], Columns(constraints="c"), "row 0: "),
    ],
)
def test_mistakes_name_the_row_and_the_column(tmp_path: Path, rows: Any, columns: Columns, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        read_table(write(tmp_path / "p.jsonl", rows), columns)


@pytest.mark.parametrize("name", ["none.parquet", "word", "./word", "a/b/c"])
def test_a_file_that_is_not_there_is_told_without_asking_the_network(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", None)
    with pytest.raises(Mistake, match="does not exist"):
        read_table(name, Columns())
