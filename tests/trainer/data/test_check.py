"""`rlmr data check`: each kind of fault is found and named by file, line and field, and clean files pass."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("datasketch", reason="the extra `real` is not installed")

from rlmr.cli import app
from rlmr.mistake import Mistake
from trainer.data.check import check_file
from trainer.data.rows import PromptRow, read, write
from trainer.data.seed_prompts import read_seeds, seed_prompts


def prompt(id: str, text: str, constraints: Any = (), **extra: Any) -> dict[str, Any]:
    return {"input": text, "label": {"prompt_id": id, "constraints": list(constraints)}, **extra}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_the_seeds_are_many_clean_and_spread_over_domains_and_both_languages(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["data", "seeds", str(tmp_path / "seeds.jsonl")])
    assert found.exit_code == 0, found.output
    report = check_file(tmp_path / "seeds.jsonl")
    assert report.rows >= 240
    assert report.errors == 0
    assert report.near_duplicates == []
    assert set(report.balance["language"]) == {"en", "zh"}
    assert min(report.balance["language"].values()) >= 100
    assert len(report.balance["domain"]) >= 12
    assert min(report.balance["domain"].values()) >= 20
    openings = {" ".join(row.text.split()[:4]) if row.language == "en" else row.text[:4] for row in seed_prompts()}
    assert len(openings) > 150, "not one template"


def test_the_trainer_reads_what_is_written(tmp_path: Path) -> None:
    from trainer.data.prompts import read_prompts

    write(seed_prompts(("zh",)), tmp_path / "seeds.jsonl")
    assert read_prompts(tmp_path / "seeds.jsonl")[0]["prompt"][0]["content"].startswith("写一个故事")


def test_every_malformed_row_names_file_line_and_field(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "p.jsonl",
        prompt("a", "Write about rain."),
        "{not json",
        '["a list"]',
        {"input": "Write.", "label": {"constraints": []}},
        {"input": [{"role": "poet", "content": "x"}], "label": {"prompt_id": "b", "constraints": []}},
        prompt("c", "Write.", [{"type": 3}]),
        prompt("d", "Write.", language="tlh"),
        {"input": "Write.", "label": '{"prompt_id": "e"'},
    )
    malformed = check_file(path).malformed
    expected = [
        ":2: not JSON",
        ":3: want a JSON object, not list",
        ":4: label.prompt_id:",
        ":5: input.0.role:",
        ":6: label.constraints.0.type:",
    ]
    expected += [":7: language:", ":8: label:"]
    assert [any(f"{path}{start}" in found for found in malformed) for start in expected] == [True] * 7, malformed
    found = CliRunner().invoke(app, ["data", "check", str(path)])
    assert found.exit_code == 1
    assert f"{path}:4: label.prompt_id: Field required" in found.output
    assert not any(line.rstrip().endswith(":") for line in found.output.splitlines()), "a figure of nothing is left out"
    with pytest.raises(Mistake, match=r"p\.jsonl:2: not JSON"):
        read(path, PromptRow)


def test_a_missing_and_an_empty_file_are_errors_in_one_line(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none", "No such file"), (lines(tmp_path / "empty"), "no rows")):
        found = CliRunner().invoke(app, ["data", "check", str(path)])
        assert (found.exit_code, says in found.output, "Traceback" in found.output) == (2, True, False)


def test_duplicates_leaks_and_contradictions(tmp_path: Path) -> None:
    few = [{"type": "length:words", "kwargs": {"max": 5}}, {"type": "length:sentences", "kwargs": {"min": 9}}]
    leak = "Write a poem in which the old harbor remembers every ship by its smell."
    path = lines(
        tmp_path / "p.jsonl",
        prompt("a", "Write about the rain on a tin roof in March, slowly and without hurry."),
        prompt("b", "write about the rain on a tin roof in March slowly, and without hurry!"),
        prompt("a", "Write about a goat."),
        prompt("c", "Write about the rain on a tin roof in March, slowly and without haste."),
        prompt("d", "Tell me of the kite.", few),
        prompt("e", leak + " Please."),
    )
    evaluation = lines(
        tmp_path / "eval.jsonl", {"key": 1, "prompt": "Please " + leak.lower()}, {"query": "Something else."}
    )
    report = check_file(path, [evaluation])
    assert [found.split(": ", 1)[0].rsplit(":", 1)[1] for found in report.duplicates] == ["2", "3"]
    assert len(report.near_duplicates) == 1 and f"{path}:4: like {path}:1" in report.near_duplicates[0]
    assert (
        len(report.leaks) == 1
        and report.leaks[0].startswith(f"{path}:6: shares ")
        and "eval.jsonl:1" in report.leaks[0]
    )
    assert len(report.infeasible) == 1 and report.infeasible[0].startswith(f"{path}:5: label.constraints: ")


def test_pairs_show_whether_length_predicts_the_choice(tmp_path: Path) -> None:
    def pair(i: int, good: int, bad: int) -> dict[str, Any]:
        return {"prompt": f"Prompt {i}", "chosen": f"a{i} " * good, "rejected": f"b{i} " * bad}

    biased = check_file(lines(tmp_path / "a.jsonl", *(pair(i, 12, 8) for i in range(20)))).length["bias"]
    assert biased["share"] == 1.0 and biased["low"] > 0.8 and biased["auc"] == 1.0
    even = [pair(i, *(12, 8) if i % 2 else (8, 12)) for i in range(20)]
    assert check_file(lines(tmp_path / "b.jsonl", *even)).length["bias"]["share"] == 0.5
    same = check_file(
        lines(
            tmp_path / "c.jsonl",
            {"prompt": "p", "chosen": "x", "rejected": "x"},
            {"prompt": "p", "chosen": " ", "rejected": "x"},
        )
    )
    assert [
        "rejected: the same as chosen" in same.malformed[0],
        "chosen: the answer is empty" in same.malformed[1],
    ] == [True] * 2


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("before")

    def rows() -> Any:
        yield {"a": 1}
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write(rows(), target)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target], "no half-written file beside it"


def test_a_seed_that_yaml_reads_as_something_else_names_its_place(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text("story:\n  - Write about rain.\n  - A poem, please: about rain.\n")
    with pytest.raises(Mistake, match=r"en\.yaml: story\[2\]: want a text"):
        read_seeds(tmp_path / "en.yaml", "en")
