"""The input folder, and that every mistake in it is named with file, line and field."""

from pathlib import Path

import pytest

from rlmr.mistake import Mistake
from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.folder import PROMPTS, read_contest


def test_a_folder_is_prompts_and_one_file_per_arm(tmp_path: Path) -> None:
    contest = read_contest(make_folder(tmp_path, arms=("tuned", "base", "other")))
    assert list(contest.arms) == ["base", "other", "tuned"]
    assert list(contest.prompts) == ["p0", "p1", "p2", "p3"]
    assert contest.prompts["p0"].prompt[0].content == "Write about topic 0."
    assert contest.arms["tuned"]["p1"] == "Text 1 of somebody."


def test_the_digest_changes_with_any_text(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    before = read_contest(folder).digest
    assert read_contest(folder).digest == before
    path = folder / "base.jsonl"
    path.write_text(path.read_text().replace("Text 2", "Text two"))
    assert read_contest(folder).digest != before


MISTAKES = [
    (PROMPTS, [{"id": "p0"}], r"prompts.jsonl:1: prompt: Field required"),
    (PROMPTS, [{"id": "p0", "prompt": 3}], r"prompts.jsonl:1: prompt: "),
    (PROMPTS, [{"id": "p0", "prompt": "x"}, {"id": "p0", "prompt": "y"}], r"prompts.jsonl:2: id: 'p0' is the id of"),
    (PROMPTS, [{"id": "p0", "prompt": "  "}], r"prompts.jsonl:1: prompt: the prompt is empty"),
    (PROMPTS, [], r"prompts.jsonl: no rows"),
    ("base.jsonl", [{"id": "p0", "response": None}], r"base.jsonl:1: response: "),
    ("base.jsonl", [{"id": "p9", "response": "x"}], r"base.jsonl:1: id: no prompt 'p9'"),
    ("base.jsonl", [{"id": "p0", "response": "x"}] * 2, r"base.jsonl:2: id: a second response to prompt 'p0'"),
    ("base.jsonl", [{"id": "p0", "response": "x"}], r"base.jsonl: no response to prompt 'p1'"),
    ("base.jsonl", [{"id": "p0", "response": "x" * 200_001}], r"base.jsonl:1: response: .*200000"),
]


@pytest.mark.parametrize(("file", "rows", "message"), MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, file: str, rows: list, message: str) -> None:
    folder = make_folder(tmp_path)
    write_lines(folder / file, rows)
    with pytest.raises(Mistake, match=message):
        read_contest(folder)


def test_a_line_that_is_no_json_a_half_surrogate_and_too_few_arms_are_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "base.jsonl").write_text('{"id": "p0", "response": "\\ud800"}\n')
    with pytest.raises(Mistake, match=r"base.jsonl:1: response: .*unicode"):
        read_contest(folder)
    whole = (folder / PROMPTS).read_text()
    (folder / PROMPTS).write_text('{"id": "p0", "prompt": "x\\ud800"}\n')
    with pytest.raises(Mistake, match=r"prompts.jsonl:1: prompt.0.content: character 1 is half of a surrogate pair"):
        read_contest(folder)
    (folder / PROMPTS).write_text(whole)
    (folder / "base.jsonl").write_text("nonsense\n")
    with pytest.raises(Mistake, match=r"base.jsonl:1: not JSON"):
        read_contest(folder)
    (folder / "base.jsonl").unlink()
    with pytest.raises(Mistake, match="1 files of responses"):
        read_contest(folder)
    with pytest.raises(Mistake, match="no such folder"):
        read_contest(tmp_path / "nowhere")
