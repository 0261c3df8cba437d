"""What `--help` shows in a terminal of 80 columns: every word of every help text, none cut, none taken for markup."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rlmr.cli import GROUPS, _load, app

WORD = re.compile(r"[^\s│]+")


def commands() -> Iterator[tuple[list[str], Any]]:
    for name, group in GROUPS.items():
        yield from _below([name], get_command(_load(name, group)))


def _below(path: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _below([*path, name], below)


def test_every_word_of_every_help_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lost = []
    for path, command in commands():
        shown = "".join(WORD.findall(CliRunner().invoke(app, [*path, "--help"]).output))
        told = [command.help or "", *(str(getattr(p, "help", None) or "") for p in command.params)]
        words = WORD.findall(" ".join(told))
        lost += [f"rlmr {' '.join(path)}: {word}" for word in words if word not in shown]
    assert not lost
