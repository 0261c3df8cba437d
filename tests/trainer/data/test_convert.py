"""Prompts converted for TRL and verl reach the wire through the adapters' own reading of columns, unchanged."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.adapters.columns import group_of
from rlmr.cli import app
from rlmr.wire import Constraint
from trainer.data.constrain import constrain, left_to_the_judge
from trainer.data.rows import PromptRow, write
from trainer.data.seed_prompts import seed_prompts

datasets = pytest.importorskip("datasets")


@pytest.fixture
def rows(tmp_path: Path) -> list[PromptRow]:
    made = constrain(seed_prompts())
    made[3] = left_to_the_judge(made[3])
    write(made, tmp_path / "prompts.jsonl")
    return made


@pytest.mark.parametrize("form, reader", [("trl", "json"), ("verl", "parquet")])
def test_what_is_read_back_is_what_was_asked(form: str, reader: str, rows: list[PromptRow], tmp_path: Path) -> None:
    out = tmp_path / f"out.{form}"
    found = CliRunner().invoke(app, ["data", "convert", str(tmp_path / "prompts.jsonl"), str(out), "--to", form])
    assert found.exit_code == 0, found.output
    read = datasets.load_dataset(reader, data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(read) == len(rows)
    for row, column in zip(rows, read, strict=True):
        extra = column if form == "trl" else column["extra_info"]
        group = group_of(extra["prompt_id"], column["prompt"], extra["constraints"], ["a text"])
        assert (group.id, group.prompt) == (row.id, row.input)
        assert group.constraints == row.label.constraints
        assert group.constraints is None or isinstance(group.constraints[0], Constraint)
    assert not list(tmp_path.glob(".*")), "nothing half-written"


def test_another_form_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["data", "convert", "x", "y", "--to", "nemo"])
    assert (found.exit_code, "trl, verl" in found.output) == (2, True)
