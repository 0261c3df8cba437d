"""A run's folder: what it was asked for (settings.json), and two journals to which responses and verdicts are appended one by one.

The settings are the result's identity: a continued run must have the same ones, and only runs with the same judge compare.
"""

import fcntl
import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rlmr.mistake import Mistake, read_json, read_json_lines
from trainer.data.journal import Journal
from trainer.data.rows import write_text


class Run:
    """What a run's folder holds."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path, self.settings = path, settings
        self.responses: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[tuple[str, str], dict[str, Any]] = {}
        """By key and question."""


class RunFolder(Run):
    """Used as a context manager: one process at a time. Raises Mistake if another works here, or the settings are others.

    `inputs`: the files and folders that the settings have the hashes of; `command`: what was typed. Both are for `rlmr eval bundle`."""

    def __init__(self, path: Path, settings: dict[str, Any], inputs: Mapping[str, Path], command: str = "") -> None:
        super().__init__(path, settings)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise Mistake(f"{path}: --out: {exc.strerror}") from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise Mistake(f"{path}: another command works in this folder: wait for it, or name another --out") from exc
        try:
            self._same_settings()
            self._responses, self._verdicts = Journal(path / "responses.jsonl"), Journal(path / "verdicts.jsonl")
        except BaseException:
            os.close(self._lock)
            raise
        self._note(inputs, command)
        self.responses = {row["key"]: row for row in self._responses.entries}
        self.verdicts = {(row["key"], row["question"]): row for row in self._verdicts.entries}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._responses.close()
        self._verdicts.close()
        os.close(self._lock)

    def add_response(self, row: dict[str, Any]) -> None:
        """`row`: key, response, and what is known of how it was made."""
        self._responses.append(row)
        self.responses[row["key"]] = row

    def add_verdict(self, row: dict[str, Any]) -> None:
        """`row`: key, question, and either value, reason and details, or `unparseable`, with the judge's reply."""
        self._verdicts.append(row)
        self.verdicts[row["key"], row["question"]] = row

    def _note(self, inputs: Mapping[str, Path], command: str) -> None:
        where = {name: str(given.resolve()) for name, given in inputs.items()}
        write_text(self.path / "inputs.json", json.dumps(where, ensure_ascii=False, indent=1) + "\n")
        self.record({"command": command, "python": platform.python_version()})

    def record(self, what: dict[str, Any]) -> None:
        """A line of commands.jsonl: what was done here and when. No figure depends on it."""
        commands = Journal(self.path / "commands.jsonl")
        commands.append({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **what})
        commands.close()

    def _same_settings(self) -> None:
        file = self.path / "settings.json"
        if not file.exists():
            write_text(file, json.dumps(self.settings, ensure_ascii=False, indent=1) + "\n")
            return
        before = read_settings(self.path)
        changed = differing(before, self.settings)
        if changed:
            raise Mistake(
                f"{self.path}: begun with another {', '.join(changed)}: use what settings.json says, or another --out"
            )


def read_run(path: Path) -> Run:
    """For reading only. Raises Mistake, also for a row that is there twice."""
    run = Run(path, read_settings(path))
    for where, row in read_json_lines(path / "responses.jsonl"):
        if run.responses.setdefault(str(row.get("key")), row) is not row:
            raise Mistake(f"{where}: key {row.get('key')} is there twice")
    for where, row in read_json_lines(path / "verdicts.jsonl"):
        if run.verdicts.setdefault((str(row.get("key")), str(row.get("question"))), row) is not row:
            raise Mistake(f"{where}: question {row.get('question')} of key {row.get('key')} is there twice")
    return run


def read_settings(run: Path) -> dict[str, Any]:
    """Raises Mistake."""
    file = run / "settings.json"
    try:
        found = read_json(file, dict)
    except Mistake as exc:
        raise Mistake(f"{exc}: name the --out of an `rlmr eval` run") from exc
    if "benchmark" not in found:
        raise Mistake(f"{file}: these are not the settings of an `rlmr eval` run")
    return found


def differing(a: Any, b: Any, where: str = "") -> list[str]:
    """Dotted names of what is not alike in two JSON values."""
    if isinstance(a, dict) and isinstance(b, dict):
        names = dict.fromkeys((*a, *b))
        return [d for n in names for d in differing(a.get(n), b.get(n), f"{where}.{n}" if where else str(n))]
    return [] if a == b else [where]


def identity(settings: dict[str, Any]) -> str:
    """A short hash of the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names. Raises Mistake."""
    digest = hashlib.sha256()
    try:
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
        if not path.exists():
            raise Mistake(f"{path}: No such file or directory")
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            with file.open("rb") as opened:
                digest.update(
                    f"{file.relative_to(path)} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode()
                )
    except OSError as exc:
        raise Mistake(f"{path}: {exc.strerror}") from exc
    return digest.hexdigest()
