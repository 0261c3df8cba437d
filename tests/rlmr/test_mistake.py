"""A typical mistake at any command: one clear message on standard error, no traceback, exit code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app

NOT_UTF8 = b"\xff\xfe bad"
NO_SUCH = "No such file or directory"


@pytest.mark.parametrize(
    ("command", "content", "told"),
    [
        ("study {} --list", None, NO_SUCH),
        ("study {} --list", NOT_UTF8, "not UTF-8 (byte 0): save it as UTF-8"),
        ("study {} --list", b"a: 1\nname: [", ":2: not YAML: expected the node content"),
        ("study {} --list", b"[1]", "want fields"),
        ("chain {}", b'{"x": 3', ":1: not YAML: expected ',' or '}'"),
        ("study {} --list", b"name: 2026-13-45", "not YAML: month must be in 1..12"),
        ("report {}", b"", "not JSON"),
        ("compare {}", NOT_UTF8, "not UTF-8"),
        ("compare {}", b"[1]", "want a JSON object, not list"),
        ("compare {}", None, "no summary.json"),
        ("compare {}", b'{"x": 1}', "not the summary of a run: strategy, before, after, groups missing"),
        ("train --preset {}.yaml", None, "or give the path of a YAML file"),
        ("train --preset embedded --show --set filter=[", None, "--set 'filter=[': the value is not YAML"),
        ("train --set prompts={}.jsonl", None, "does not exist: give the path of a prompt file"),
        ("train --set prompts={}", None, "does not exist: give the path of a prompt file"),
        ("train --set prompts={}", b"x", "the name ends in none of .jsonl, .json, .parquet"),
        ("watch {}", None, "has no ledger"),
        ("explain {} 1", None, "no command.json"),
        ("data split {} a b", NOT_UTF8, ":1: not UTF-8"),
        ("rm calibrate {0} --reference {0}", None, NO_SUCH),
        ("rm check {}", None, "does not exist: make it with `rlmr rm export"),
        ("rm check {0} --url {0}", None, "write KIND=URL"),
        ("constraints eval {}", None, "no such file or folder"),
        ("constraints eval {}.jsonl", None, "no such file or folder"),
        ("constraints eval {}", b"- text: x", "row 1: language: Field required"),
        ("constraints coverage {}", b"a: 1", "want a list of rows, not dict"),
        ("constraints diff reference fixed --responses {}", b"{", ":1: not JSON"),
        ("constraints check punctuation:no_comma {}", NOT_UTF8, "not UTF-8"),
        ("constraints list {}", None, "no id begins with"),
        ("judge eval {} --url http://127.0.0.1:9 --model m", b"- 1", "row 1: Input should be a valid dictionary"),
        ("data pairs out --choices {}", b'{"prompt": 1}', ":1: a: Field required"),
        ("eval ifeval --data {0} --responses {0} --out out", b"", "no rows in the file"),
        ("eval compare {0} {0}", None, "name the --out of an `rlmr eval` run"),
        ("eval verify {}", b"x", "not a bundle of `rlmr eval bundle`"),
        ("eval runs {0} --out {0}.out", None, "name the folder of a finished run"),
        ("arena serve {}", None, "no such folder"),
        ("arena export {} out", None, "`rlmr arena serve FOLDER` makes it"),
        ("models get {}", None, "one of smollm2"),
        ("attack --url http://127.0.0.1:9", None, "Connection refused"),
    ],
)
def test_a_mistake_is_told_in_one_message(tmp_path: Path, command: str, content: bytes | None, told: str) -> None:
    path = tmp_path / "mine [1]"  # square brackets are not to be taken for markup
    if content is not None:
        path.write_bytes(content)
    words = [word.format(path) for word in command.split()]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert told in result.stderr
    assert "[1]" in result.stderr or "{}" not in command.replace("{0}", "{}")
    assert not result.stdout
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["study", str(tmp_path), "--list"])
    assert (result.exit_code, result.stderr) == (2, f"error: {tmp_path}: Is a directory\n")
