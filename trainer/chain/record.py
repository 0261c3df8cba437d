"""chain.json: from what each stage was made, by content, so that a stage whose inputs did not change is not made again."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlmr import __version__
from trainer.chain.plan import PlanError, Stage

FILE = "chain.json"


@dataclass
class Entry:
    """Of one stage."""

    key: str
    """Hash of command, version and inputs with which it was begun."""
    done: bool = False
    seconds: float = 0.0
    """All attempts together."""
    attempts: int = 0
    printed: str = ""
    made: dict[str, str] = field(default_factory=dict)
    """Path to the hash of its content."""


class Record:
    """Read at the start, written whole after every change. Raises PlanError if the file is no such record."""

    def __init__(self, folder: Path, plan: str) -> None:
        self.path, self.plan = folder / FILE, plan
        self.entries: dict[str, Entry] = {}
        if self.path.is_file():
            try:
                found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
                self.entries = {name: Entry(**entry) for name, entry in found["stages"].items()}
                before = found["plan"]
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise PlanError(f"{self.path} is damaged ({exc}): remove it, and every stage is made again") from exc
            if before != plan:
                raise PlanError(f"{folder} holds the chain {before}, not {plan}: choose another folder with --work")

    def save(self) -> None:
        value = {"plan": self.plan, "stages": {name: asdict(entry) for name, entry in self.entries.items()}}
        partial = self.path.with_name(f".{FILE}.{os.getpid()}")
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


def key_of(stage: Stage, values: dict[str, str], needed: Sequence[Path]) -> str:
    """What decides a stage: its commands, the values they get, and the content of what it reads. A port decides nothing."""
    texts = [stage.run, stage.serve or "", stage.prints or "", *stage.makes]
    values = {name: value for name, value in values.items() if name not in ("port", "python", "plan")}
    used = [
        text.format(**values, port="", python="", plan="")
        for text in texts
        if "{" + str(stage.prints) + "}" not in text
    ]
    return digest([__version__, *used, *(content(path) for path in needed)])


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def content(path: Path) -> str:
    """Hash of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
        return found.hexdigest()[:32]
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    return digest([part for file in files for part in (str(file.relative_to(path)), content(file))])
