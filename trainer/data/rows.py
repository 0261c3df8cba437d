"""Rows of prompt and pair files (JSONL): read with file, line and field in every error, written whole or not at all.

A prompt row is what prompts.py hands to OpenRLHF, with where it came from beside it. A pair row is what OpenRLHF's train_rm and TRL's
RewardTrainer read: `prompt`, `chosen`, `rejected` as chat messages.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from rlmr.mistake import Mistake, first_wrong, read_json_lines
from rlmr.wire import ChatMessage, Constraint

Language = Literal["en", "zh"]
_SURROGATE = re.compile("[\ud800-\udfff]")


class Row(BaseModel):
    model_config = ConfigDict(extra="allow")


def _one_message(role: str) -> BeforeValidator:
    return BeforeValidator(lambda value: [{"role": role, "content": value}] if isinstance(value, str) else value)


_Messages = Annotated[list[ChatMessage], Field(min_length=1)]
UserMessages = Annotated[_Messages, _one_message("user")]
"""Chat messages; a text is one message."""
AssistantMessages = Annotated[_Messages, _one_message("assistant")]

R = TypeVar("R", bound=Row)


class Label(Row):
    prompt_id: str = Field(min_length=1)
    constraints: list[Constraint] | None
    """None: the verifier's judge reads them out of the prompt."""


class PromptRow(Row):
    input: UserMessages
    label: Label
    language: Language | None = None
    domain: str | None = None
    difficulty: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)

    @field_validator("label", mode="before")
    @classmethod
    def _json_text_is_an_object(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @property
    def id(self) -> str:
        return self.label.prompt_id

    @property
    def text(self) -> str:
        """What the user asked for, last."""
        return next((m.content for m in reversed(self.input) if m.role == "user"), self.input[-1].content)


class PairRow(Row):
    prompt: UserMessages
    chosen: AssistantMessages
    rejected: AssistantMessages
    language: Language | None = None
    domain: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(m.content for m in self.prompt)

    @property
    def good(self) -> str:
        return self.chosen[-1].content

    @property
    def bad(self) -> str:
        return self.rejected[-1].content


def parsed(where: str, value: dict[str, Any], kind: type[R]) -> R:
    """The row. Raises Mistake with the first field that is wrong."""
    try:
        return kind.model_validate(value)
    except ValidationError as exc:
        raise Mistake(f"{where}: {first_wrong(exc)}") from exc


def read(path: Path, kind: type[R]) -> list[R]:
    """Every row of the file. Raises Mistake for the first bad one, and for a file without any."""
    rows = [parsed(where, value, kind) for where, value in read_json_lines(path)]
    if not rows:
        raise Mistake(f"{path}: no rows in the file")
    return rows


def write(rows: Iterable[BaseModel | dict[str, Any]], path: Path) -> int:
    """Writes the file beside its place and moves it there when it is whole and on disk; returns the number of rows."""
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        for row in rows:
            yield line_of(row)
            count += 1

    _write_whole(path, lines())
    return count


def write_text(path: Path, text: str) -> None:
    """As `write`: whole or not at all."""
    _write_whole(path, [text])


def _write_whole(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def line_of(row: BaseModel | dict[str, Any]) -> str:
    value = row.model_dump(mode="json", exclude_none=False) if isinstance(row, BaseModel) else row
    line = json.dumps(value, ensure_ascii=False) + "\n"
    # Half of a surrogate pair is no character, but a model can end in one: it is kept as its escape.
    return line if line.isascii() or not _SURROGATE.search(line) else json.dumps(value) + "\n"
