"""`rlmr eval runs`: what stands in a run's folder as a column of a table, floors and ceilings apart."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from trainer.evaluation.run_texts import side

FLOOR, CEILING = {"type": "length:words", "kwargs": {"min": 3}}, {"type": "length:words", "kwargs": {"max": 3}}


def row(prompt_id: str, response: str, violated: bool, writing: float) -> dict[str, Any]:
    found = {
        "prompt_id": prompt_id,
        "prompt": f"Say {prompt_id}.",
        "response": response,
        "tokens": len(response.split()),
    }
    return found | {"writing": writing, "violated": violated, "failed": []}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of two prompts, one with a floor and one with a ceiling: after training the ceiling is kept, and the floor broken."""
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    before = [row("floor", "a long enough text", False, 0.0), row("floor", "three words here", False, 1.0),
              row("ceiling", "much too long a text", True, 0.0), row("ceiling", "ever so much longer", True, 0.0)]  # fmt: skip
    after = [row("floor", "short", True, 2.0), row("floor", "a text of words", False, 2.0),
             row("ceiling", "short", False, 2.0), row("ceiling", "short", False, 2.0)]  # fmt: skip
    for name, rows in (("before", before), ("after", after)):
        (folder / f"{name}.json").write_text(json.dumps({"rows": rows, "failures": 0}))
    labels = [{"prompt_id": name, "constraints": [c]} for name, c in (("floor", FLOOR), ("ceiling", CEILING))]
    prompts = [{"input": f"Say {label['prompt_id']}.", "label": json.dumps(label)} for label in labels]
    (folder / "prompts_eval.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompts))
    summary = {"strategy": {"name": "rlmr"}, "seed": 0, "steps": 2, "wall_seconds": 120.0, "violators": 5,
               "violators_with_positive_advantage": 0, "groups": {"trained": 3, "dropped": {"all_violate": 1}}}  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_a_run_is_a_column_of_the_table_with_floors_and_ceilings_apart(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = CliRunner().invoke(app, ["eval", "runs", str(run), "--out", str(out), "--samples", "2"])
    assert found.exit_code == 0, found.output
    kept = json.loads((out / "one.json").read_text())["figures"]
    assert kept["compliance"]["before"][0] == 0.5 and kept["compliance"]["after"][0] == 0.75
    assert kept["floors_met"]["difference"][0] == -0.5 and kept["ceilings_met"]["difference"][0] == 1.0
    low, high = kept["compliance"]["difference"][1:]
    assert low <= -0.5 and high >= 1.0, "two prompts that went apart say little together"
    lines = (out / "table.md").read_text().splitlines()
    assert lines[0] == "| run | one |"
    assert lines[2] == "| compliance | 50% -> 75% |" and lines[4:9] == [
        "| writing score | +0.25 -> +2.00 |", "| its change | +1.75 (+1.50 to +2.00) |", "| tokens | 4 -> 2 |",
        "| floors met | 100% -> 50% |", "| ceilings met | 0% -> 100% |",
    ]  # fmt: skip
    assert lines[9:] == [
        "| held back: taken for strong | - |", "| distinct-2 | 1.00 -> 1.00 |", "| sibling overlap | 0.00 -> 0.50 |",
        "| violators rewarded | 0 of 5 |", "| groups dropped | 1 of 4 |", "| onset alarm | none |",
    ]  # fmt: skip
    assert (out / "one.md").read_text().count("**after**") == 2
    again = CliRunner().invoke(app, ["eval", "runs", "--out", str(out)])
    assert again.exit_code == 0 and again.output == (out / "table.md").read_text()


def test_a_run_that_did_not_end_is_named(run: Path, tmp_path: Path) -> None:
    (run / "summary.json").unlink()
    found = CliRunner().invoke(app, ["eval", "runs", str(run), "--out", str(tmp_path / "out")])
    assert found.exit_code == 2 and "summary.json" in found.output and "finished run" in found.output
    found = CliRunner().invoke(app, ["eval", "runs", "--out", str(tmp_path / "out")])
    assert found.exit_code == 2 and "holds no run yet" in found.output
    (tmp_path / "out" / "texts.json").write_text("{}")
    found = CliRunner().invoke(app, ["eval", "runs", "--out", str(tmp_path / "out")])
    assert found.exit_code == 2 and "texts.json: not written by `rlmr eval runs`" in found.output


def test_which_way_constraints_pull() -> None:
    between, other = (
        {"type": "length:words", "kwargs": {"min": 3, "max": 5}},
        {"type": "notation:no_digits", "kwargs": {}},
    )
    assert [side(c) for c in (FLOOR, CEILING, between, other)] == ["floor", "ceiling", "both", "neither"]
