"""Runs side by side: paired by prompt, and only where they are of the same thing."""

import json
from pathlib import Path

import pytest

from tests.trainer.evaluation import haiku

TASKS = [
    {"key": n, "prompt": f"p{n}", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]} for n in range(20)
]


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """The second obeys where the first does not in 4 of 20 prompts, and lacks one."""
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    for name, obeys, count in (("a", 8, 20), ("b", 12, 19)):
        responses = tmp_path / f"{name}.jsonl"
        rows = [{"key": n, "response": "fine" if n < obeys else "a, b"} for n in range(count)]
        responses.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert haiku.run("ifeval", "--data", data, "--responses", responses, "--out", tmp_path / name)[0] == 0
    return tmp_path / "a", tmp_path / "b"


def test_differences_are_paired(runs: tuple[Path, Path], tmp_path: Path) -> None:
    code, printed = haiku.run("compare", *runs, "--out", tmp_path / "both")
    assert code == 0, printed
    found = json.loads((tmp_path / "both" / "comparison.json").read_text())
    assert [run["name"] for run in found["runs"]] == ["a", "b"]
    row = found["rows"][0]
    assert row["name"] == "prompt strict"
    assert [of["value"] for of in row["of"]] == pytest.approx([8 / 20, 12 / 19])
    (less,) = row["less"]
    assert less["value"] == pytest.approx(4 / 19)
    assert less["units"] == 19
    assert 0 < less["low"] < 4 / 19 < less["high"] < 0.5
    page = (tmp_path / "both" / "index.html").read_text()
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page


def test_another_judge_does_not_compare(runs: tuple[Path, Path]) -> None:
    settings = json.loads((runs[1] / "settings.json").read_text())
    (runs[1] / "settings.json").write_text(json.dumps({**settings, "judge": {"model": "another"}}))
    code, printed = haiku.run("compare", *runs)
    assert code == 2
    assert "do not compare: they differ in judge" in printed


@pytest.mark.parametrize("names", [("a",), ("a", "nowhere")])
def test_what_is_no_run_is_named(runs: tuple[Path, Path], names: tuple[str, ...]) -> None:
    code, printed = haiku.run("compare", *(runs[0].parent / name for name in names))
    assert code == 2
    assert "Traceback" not in printed
    assert ("two runs or more" if len(names) == 1 else "nowhere/settings.json") in printed
