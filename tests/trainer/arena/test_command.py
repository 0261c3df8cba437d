"""`rlmr arena` at the terminal: links, going on, and mistakes named without a traceback."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rlmr.cli import app
from tests.trainer.arena.arena_process import ArenaProcess
from tests.trainer.arena.contests import make_folder, write_lines
from trainer.arena.state import FILE, State


def arena(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["arena", *map(str, arguments)])


def test_links_stay_the_same_and_raters_can_be_added_later(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    served = ArenaProcess(folder, "--raters", "2", "--rater", "Ann", "--rater", "Ben Ö", "--least-seconds", "0")
    with served:
        first = dict(served.links)
    assert list(first) == ["standing", "Ann", "Ben Ö"]
    again = ArenaProcess(folder, "--raters", "3", "--public-url", "https://arena.example.org/")
    with again:
        assert list(again.links) == ["standing", "Ann", "Ben Ö", "rater 1"]
    assert again.links["Ann"] == "https://arena.example.org/rate#" + first["Ann"].partition("#")[2]
    assert len(set(again.links.values())) == 4


def test_export_works_beside_the_server(tmp_path: Path) -> None:
    with ArenaProcess(make_folder(tmp_path / "in"), "--least-seconds", "0"):
        state = State(tmp_path / "in" / FILE)
        rater = state.raters()[0]
        state.show(rater)
        state.vote(rater, 0, "left", [])
        told = arena("export", tmp_path / "in", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert (tmp_path / "out" / "votes.csv").read_text().count("\n") == 2
    assert (tmp_path / "out" / "pairs.jsonl").read_text().count("\n") == 1


def test_mistakes_end_with_one_line_that_names_them(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    write_lines(folder / "tuned.jsonl", [{"id": "p0"}])
    assert "tuned.jsonl:1: response: Field required" in arena("serve", folder).output
    make_folder(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = arena("serve", folder, "--port", str(taken.getsockname()[1]))
    assert told.exit_code == 2 and "choose another" in told.output
    told = arena("serve", folder, "--least-seconds", "9")
    assert told.exit_code == 2 and "least_seconds" in told.output and "--state another file" in told.output
    write_lines(folder / "tuned.jsonl", [{"id": f"p{i}", "response": f"other {i}"} for i in range(4)])
    told = arena("serve", folder)
    assert told.exit_code == 2 and "has changed" in told.output
    told = arena("export", tmp_path / "nowhere", tmp_path / "out")
    assert told.exit_code == 2 and "no such file" in told.output and not (tmp_path / "out").exists()
    for result in (told, arena("serve", folder / FILE)):
        assert result.output.startswith("error: ") and "Traceback" not in result.output


@pytest.mark.parametrize("tags", [["a", "a"], ["a;b"], ["x" * 41], [""], [f"t{i}" for i in range(13)]])
def test_reasons_that_cannot_be_are_refused(tmp_path: Path, tags: list[str]) -> None:
    told = arena("serve", make_folder(tmp_path), *(part for tag in tags for part in ("--tag", tag)))
    assert told.exit_code == 2 and told.output.startswith("error: --tag: "), told.output
    assert not (tmp_path / FILE).exists()


def test_a_state_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = arena("serve", make_folder(tmp_path / "in"), "--state", tmp_path / "file" / "x.sqlite")
    assert told.exit_code == 2 and told.output.startswith("error: ") and "--state another file" in told.output


@pytest.mark.parametrize("name", ["", " ", "standing", "x" * 101, "a\nb"])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    told = arena("serve", make_folder(tmp_path), "--rater", name)
    assert told.exit_code == 2 and told.output.startswith("error: "), told.output
