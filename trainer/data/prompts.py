"""Prompt files: JSONL rows of {input: chat messages or text, label: {prompt_id, constraints} (object or JSON text)}.

OpenRLHF passes one label column verbatim to the agent, and the prompt only as rendered text; `prepare` therefore writes a copy whose
label also carries the prompt's messages, so that the services see what the user wrote.
"""

import json
import random
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rlmr.mistake import Mistake, first_wrong, read_json_lines
from rlmr.wire import ChatMessage, Constraint

_MESSAGES = TypeAdapter(list[ChatMessage])
_CONSTRAINTS = TypeAdapter(list[Constraint] | None)


def read_prompts(path: Path) -> list[dict[str, Any]]:
    """Rows as {prompt_id, prompt (messages), constraints}, in file order; raises Mistake for the first bad line."""
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    if not path.is_file():
        raise Mistake(f"{path} does not exist: give the path of a prompt file")
    for where, told in read_json_lines(path):
        row = _read_row(told, where)
        if row["prompt_id"] in seen:
            raise Mistake(f"{where}: label.prompt_id {row['prompt_id']!r} stands twice; ids must be unique")
        seen.add(row["prompt_id"])
        rows.append(row)
    if not rows:
        raise Mistake(f"{path}: no prompts in the file")
    return rows


def _read_row(row: dict[str, Any], where: str) -> dict[str, Any]:
    try:
        label = json.loads(row["label"]) if isinstance(row["label"], str) else row["label"]
        messages = [{"role": "user", "content": row["input"]}] if isinstance(row["input"], str) else row["input"]
        prompt_id, constraints = str(label["prompt_id"]), label["constraints"]
    except (ValueError, KeyError, TypeError) as exc:
        raise Mistake(
            f"{where}: want {{input, label: {{prompt_id, constraints}}}}: {type(exc).__name__}: {exc}"
        ) from exc
    return checked(prompt_id, messages, constraints, where)


def checked(prompt_id: str, messages: Any, constraints: Any, where: str) -> dict[str, Any]:
    """One row, if messages and constraints are what the services take. Raises Mistake, beginning with `where`."""
    try:
        _MESSAGES.validate_python(messages)
        _CONSTRAINTS.validate_python(constraints)
    except ValidationError as exc:
        raise Mistake(f"{where}: {first_wrong(exc)}") from exc
    return {"prompt_id": prompt_id, "prompt": messages, "constraints": constraints}


def prepare(rows: list[dict[str, Any]], target: Path, *, split: str, count: int | None = None, seed: int = 0) -> int:
    """Writes up to `count` rows (shuffled by `seed`) as OpenRLHF reads them; returns how many."""
    chosen = list(rows)
    if count is not None:
        random.Random(seed).shuffle(chosen)
        chosen = chosen[:count]
    with target.open("w", encoding="utf-8") as file:
        for row in chosen:
            label = json.dumps({**row, "split": split}, ensure_ascii=False)
            file.write(
                json.dumps({"input": row["prompt"], "label": label, "datasource": split}, ensure_ascii=False) + "\n"
            )
    return len(chosen)
