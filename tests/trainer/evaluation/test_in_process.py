"""Responses of a checkpoint's folder, without a server."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.services.verifier.test_judge_engine import write_model
from tests.trainer.evaluation import haiku


def test_a_folder_answers_and_a_cut_off_run_goes_on(tmp_path: Path) -> None:
    model, data, out = tmp_path / "model", tmp_path / "data.jsonl", tmp_path / "out"
    write_model(model)
    tasks = [
        {"key": n, "prompt": f"p{n}", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
        for n in range(20)
    ]
    data.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    given = ("ifeval", "--data", data, "--model", model, "--out", out, "--sampling", "max_tokens=8")
    code, printed = haiku.run(*given)
    assert code == 0, printed
    whole = haiku.journal(out / "responses.jsonl")
    assert [row["key"] for row in whole] == [str(n) for n in range(20)]
    assert all(0 < row["tokens"] <= 8 for row in whole)
    # As a kill leaves it: the first rows whole, one torn.
    for name, kept in (("responses.jsonl", 7), ("verdicts.jsonl", 0)):
        lines = (out / name).read_text().splitlines(keepends=True)
        (out / name).write_text("".join(lines[:kept]) + lines[kept][:10])
    assert haiku.run(*given)[0] == 0
    assert [row["key"] for row in haiku.journal(out / "responses.jsonl")] == [str(n) for n in range(20)]
    # Another checkpoint is another result, not the rest of this one; and what a folder cannot do is refused.
    assert "seed" in haiku.run(*given, "--sampling", "top_p=0.5")[1]
    (model / "generation_config.json").write_text('{"max_length": 9}')
    assert "begun with another responses.sha256" in haiku.run(*given)[1]
