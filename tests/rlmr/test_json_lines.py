"""The one reader of JSON lines: what people hand in has byte order marks, blank lines, a line that is none."""

from pathlib import Path

import pytest

from rlmr.mistake import Mistake, read_json_lines
from services.verifier.accuracy.labelled import read_labels


def test_lines_end_at_newlines_alone(tmp_path: Path) -> None:
    """U+2028 and U+0085 may stand within a JSON string, and editors write a byte order mark."""
    file = tmp_path / "labels.jsonl"
    row = '{"text": "a\u2028b\x85c", "language": "en", "kind": "story", "why": "x", "violates": [["punctuation:no_comma"]]}'
    file.write_bytes(b"\xef\xbb\xbf" + f"{row}\r\n\n{row}\n".encode())
    assert [where for where, _ in read_json_lines(file)] == [f"{file}:1", f"{file}:3"]
    assert [label.text for label in read_labels([file])] == ["a\u2028b\x85c"] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1}\n{"a"', r":2: not JSON"),
        (b"[" * 100_000, r":1: not JSON"),
        (b'{"a": 1}\n\n[1]', r":3: want a JSON object, not list"),
        (b'{"a": "\xff"}', r":1: not UTF-8 \(byte 7\): save it as UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(content)
    with pytest.raises(Mistake, match=said):
        list(read_json_lines(file))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.jsonl", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(Mistake, match=said):
            list(read_json_lines(path))
