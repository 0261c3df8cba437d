"""What people compare: a folder with prompts.jsonl and one more JSONL file per arm, named after it.

prompts.jsonl   {"id": "p1", "prompt": "..." or chat messages}; language and domain if wanted
NAME.jsonl      {"id": "p1", "response": "..."}: one response of the arm NAME to every prompt
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from rlmr.mistake import Mistake, read_json_lines
from trainer.data.rows import Language, Row, UserMessages, parsed

PROMPTS = "prompts.jsonl"
MAX_CHARS = 200_000
"""Of one text: what a browser still lays out at once."""


class PromptLine(Row):
    id: str = Field(min_length=1, max_length=200)
    prompt: UserMessages
    language: Language | None = None
    domain: str | None = None


class ResponseLine(Row):
    id: str = Field(min_length=1, max_length=200)
    response: str = Field(max_length=MAX_CHARS)


@dataclass(frozen=True)
class Contest:
    """Prompts, and per arm a response to each of them."""

    prompts: dict[str, PromptLine]
    arms: dict[str, dict[str, str]]
    """Name of the arm -> prompt id -> response. Arms are in alphabetical order, so that the same folder is the same contest."""

    @property
    def digest(self) -> str:
        """Changes with every text, id and arm name."""
        rows = [row.model_dump(mode="json") for row in self.prompts.values()]
        told = json.dumps([rows, self.arms], sort_keys=True).encode()  # escaped: a lone surrogate has no UTF-8
        return hashlib.sha256(told).hexdigest()


def read_contest(folder: Path) -> Contest:
    """Raises Mistake with the file, the line and the field."""
    if not folder.is_dir():
        raise Mistake(f"{folder}: no such folder: it holds {PROMPTS} and one NAME.jsonl per arm")
    prompts: dict[str, PromptLine] = {}
    for where, value in read_json_lines(folder / PROMPTS):
        row = parsed(where, value, PromptLine)
        if row.id in prompts:
            raise Mistake(f"{where}: id: {row.id!r} is the id of an earlier prompt, too")
        if not any(message.content.strip() for message in row.prompt):
            raise Mistake(f"{where}: prompt: the prompt is empty")
        for i, message in enumerate(row.prompt):
            _shown(message.content, f"{where}: prompt.{i}.content")
        prompts[row.id] = row
    if not prompts:
        raise Mistake(f"{folder / PROMPTS}: no rows in the file")
    files = sorted(path for path in folder.glob("*.jsonl") if path.name != PROMPTS)
    if len(files) < 2:
        raise Mistake(
            f"{folder}: {len(files)} files of responses beside {PROMPTS}, at least 2 wanted: one NAME.jsonl per arm, {{id, response}} a line"
        )
    return Contest(prompts, {path.stem: _responses(path, prompts) for path in files})


def _responses(path: Path, prompts: dict[str, PromptLine]) -> dict[str, str]:
    found: dict[str, str] = {}
    for where, value in read_json_lines(path):
        row = parsed(where, value, ResponseLine)
        if row.id not in prompts:
            raise Mistake(f"{where}: id: no prompt {row.id!r} in {PROMPTS}")
        if row.id in found:
            raise Mistake(f"{where}: id: a second response to prompt {row.id!r}: keep one per prompt")
        found[row.id] = row.response
    for prompt in prompts:
        if prompt not in found:
            raise Mistake(f"{path}: no response to prompt {prompt!r} (arms are compared on the same prompts)")
    return found


def _shown(text: str, where: str) -> None:
    """Neither the page nor SQLite can hold what is not Unicode text."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise Mistake(
            f"{where}: character {exc.start} is half of a surrogate pair: it cannot be shown to anybody"
        ) from None
