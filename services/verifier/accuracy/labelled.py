"""Labelled texts: a text, and what a reader says about it. docs/verifier.md describes the rows; YAML (a list) or JSON lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake, first_wrong, read_json_lines, read_yaml_list
from services.verifier.constraints import registry

Kwargs = dict[str, Any]
Verdict = tuple[str] | tuple[str, Kwargs]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    prompt: str = ""
    language: str
    kind: str
    """story, letter, script, poem, report, ad ..."""
    why: str
    """What makes the text worth a label."""
    line_ends: Literal["unix", "windows"] = "unix"
    counts: dict[str, int] = Field(default_factory=dict)
    """Checker -> the true count. It obeys `exactly N`, and violates a limit that is one off."""
    choices: dict[str, Kwargs] = Field(default_factory=dict)
    """Checker -> its kwargs. It obeys these, and violates every other value of the same kwarg."""
    obeys: list[Verdict] = Field(default_factory=list)
    violates: list[Verdict] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Label:
    checker: str
    kwargs: Kwargs
    violated: bool
    row: Row
    where: str
    """File and number of the row."""

    @property
    def text(self) -> str:
        return self.row.text.replace("\n", "\r\n") if self.row.line_ends == "windows" else self.row.text


def read_labels(paths: list[Path]) -> list[Label]:
    """Of files, and of all .yaml and .jsonl files of folders, in order of their names. Raises Mistake."""
    return [label for path in paths for file in files_of(path) for label in _labels_of(file)]


def files_of(path: Path) -> list[Path]:
    if not path.exists():
        raise Mistake(f"{path}: no such file or folder")
    if not path.is_dir():
        return [path]
    found = sorted(f for f in path.rglob("*") if f.suffix in (".yaml", ".jsonl"))
    if not found:
        raise Mistake(f"{path}: no .yaml or .jsonl file in it")
    return found


def _labels_of(file: Path) -> Iterator[Label]:
    for number, value in enumerate(rows_of(file), start=1):
        where = f"{file.name} row {number}"
        try:
            row = Row.model_validate(value)
        except ValidationError as error:
            raise Mistake(f"{file}: row {number}: {first_wrong(error)}") from None
        for id, kwargs, violated in _verdicts(row, number):
            if id not in registry:
                raise Mistake(f"{file}: row {number}: unknown constraint id {id!r}")
            yield Label(id, kwargs, violated, row, where)


def rows_of(file: Path) -> list[Any]:
    if file.suffix == ".jsonl":
        return [row for _, row in read_json_lines(file)]
    return read_yaml_list(file)


def _verdicts(row: Row, number: int) -> Iterator[tuple[str, Kwargs, bool]]:
    for id, count in row.counts.items():
        yield id, {"min": count, "max": count}, False
        # Which side is one off changes from row to row, so that neither counting too much nor too little goes unseen.
        yield id, {"min": count + 1} if number % 2 or not count else {"max": count - 1}, True
    for id, kwargs in row.choices.items():
        yield id, kwargs, False
        for name, value in kwargs.items():
            for other in _values(id, name):
                if other != value:
                    yield id, {**kwargs, name: other}, True
    for verdicts, violated in ((row.obeys, False), (row.violates, True)):
        for verdict in verdicts:
            yield verdict[0], verdict[1] if len(verdict) == 2 else {}, violated


def _values(id: str, kwarg: str) -> list[Any]:
    """What an enumerated kwarg may be; none for an unknown checker, which its reader reports."""
    if id not in registry:
        return []
    enumerated: list[Any] = registry[id].kwargs.model_json_schema()["properties"].get(kwarg, {}).get("enum", [])
    return enumerated
