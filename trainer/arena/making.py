"""An arena's folder out of answers that exist: what `rlmr data answers` writes, or a run's before.json and after.json."""

import json
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import Field

from rlmr.mistake import Mistake, read_json, read_json_lines
from trainer.arena.folder import MAX_CHARS, PROMPTS
from trainer.data.rows import Language, Row, UserMessages, parsed, write

DEMO = Path(__file__).parent / "demo"


class AnswerLine(Row):
    prompt: UserMessages
    response: str = Field(max_length=MAX_CHARS)
    language: Language | None = None
    domain: str | None = None

    @property
    def key(self) -> str:
        return json.dumps([message.model_dump() for message in self.prompt])


@dataclass(frozen=True)
class Made:
    prompts: int
    left_out: int
    """Prompts that not every arm has answered."""


def make_folder(folder: Path, arms: Mapping[str, Path], most: int | None = None, seed: int = 0) -> Made:
    """Writes prompts.jsonl and one file per arm, with the first response of each arm to every prompt that all have answered.

    `most`: so many prompts, drawn by `seed`. Raises Mistake, also where the folder is there already."""
    if folder.exists() and any(folder.iterdir()):
        raise Mistake(f"{folder}: not empty: choose another folder")
    if len(arms) < 2:
        raise Mistake(f"{len(arms)} arms: give two files of answers or more, NAME=FILE where their names are equal")
    answers = {name: _first_answers(path) for name, path in arms.items()}
    every = {key: row for own in answers.values() for key, row in own.items()}
    shared = [key for key in every if all(key in own for own in answers.values())]
    if not shared:
        raise Mistake(f"no prompt is answered in all of {', '.join(map(str, arms.values()))}")
    if most is not None and most < len(shared):
        kept = set(random.Random(seed).sample(shared, most))
        shared = [key for key in shared if key in kept]
    ids = {key: f"p{number:0{len(str(len(shared)))}}" for number, key in enumerate(shared, 1)}
    with _whole(folder) as draft:
        write((_prompt(ids[key], every[key]) for key in shared), draft / PROMPTS)
        for name, own in answers.items():
            write(({"id": ids[key], "response": own[key].response} for key in shared), draft / f"{name}.jsonl")
    return Made(len(shared), sum(not all(key in own for own in answers.values()) for key in every))


def copy_demo(folder: Path) -> None:
    """The sample contest; a folder that is there already is left as it is."""
    if not folder.exists():
        with _whole(folder) as draft:
            shutil.copytree(DEMO, draft, dirs_exist_ok=True)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name when everything is in it: a command that was killed can be given again."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as draft:
        made = Path(draft) / "made"
        made.mkdir()
        yield made
        made.replace(folder)


def _prompt(id: str, row: AnswerLine) -> dict[str, Any]:
    more = {"language": row.language, "domain": row.domain}
    told: dict[str, Any] = {"id": id, "prompt": [message.model_dump() for message in row.prompt]}
    return told | {name: value for name, value in more.items() if value is not None}


def _first_answers(path: Path) -> dict[str, AnswerLine]:
    found: dict[str, AnswerLine] = {}
    for where, value in _answers(path):
        told = dict(value)
        if "prompt" not in told and "input" in told:
            told["prompt"] = told.pop("input")
        row = parsed(where, told, AnswerLine)
        found.setdefault(row.key, row)
    if not found:
        raise Mistake(f"{path}: no rows in the file")
    return found


def _answers(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix != ".json":
        yield from read_json_lines(path)
        return
    try:
        rows = read_json(path, dict)["rows"]
        yield from ((f"{path}: rows.{i}", dict(row)) for i, row in enumerate(rows))
    except (Mistake, ValueError, KeyError, TypeError) as exc:
        raise Mistake(f'{path}: no {{"rows": [{{prompt, response}}, ...]}}, as a run\'s before.json is: {exc}') from exc
