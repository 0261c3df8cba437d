"""Prompts from a table: JSONL, parquet or a Hugging Face dataset, with a map from its columns to what a run needs."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rlmr.mistake import Mistake
from trainer.data.prompts import checked


class Columns(BaseModel):
    """Which column is what."""

    model_config = ConfigDict(extra="forbid")
    prompt: str = Field(default="prompt", description="Text, or chat messages.")
    constraints: str | None = Field(
        default=None, description="Constraints, or their JSON; null = the judge reads them out of the prompt."
    )
    id: str | None = Field(default=None, description="Unique; null = row-<number>.")
    split: str = Field(default="train", description="Of a Hugging Face dataset.")


def read_table(source: str, columns: Columns) -> list[dict[str, Any]]:
    """Rows as {prompt_id, prompt (messages), constraints}. source: a .jsonl, .json or .parquet file, or the name of a dataset.
    Raises Mistake, naming the row and the column."""
    table = _load(source, columns)
    there = list(table.column_names)
    for field, column in columns.model_dump(exclude={"split"}, exclude_none=True).items():
        if column not in there:
            raise Mistake(f"{source}: no column {column!r}; set columns.{field} to one of {', '.join(map(str, there))}")
    rows, seen = list[dict[str, Any]](), set[str]()
    for number, row in enumerate(table):
        where = f"{source}: row {number}"
        prompt, constraints = row[columns.prompt], row[columns.constraints] if columns.constraints else None
        if isinstance(constraints, str):
            try:
                constraints = json.loads(constraints)
            except ValueError as exc:
                raise Mistake(f"{where}: column {columns.constraints!r} is not JSON: {exc}") from exc
        prompt_id = str(row[columns.id]) if columns.id else f"row-{number}"
        if prompt_id in seen:
            raise Mistake(f"{where}: id {prompt_id!r} stands twice; ids must be unique")
        seen.add(prompt_id)
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        rows.append(checked(prompt_id, messages, constraints, where))
    if not rows:
        raise Mistake(f"{source}: no prompts in it")
    return rows


def _load(source: str, columns: Columns) -> Any:
    import datasets

    datasets.disable_progress_bars()
    kind = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}.get(Path(source).suffix)
    path = Path(source)
    # Whatever can be no dataset's name is not looked for on the network, which may take half a minute to say no.
    if not path.exists() and (kind or path.is_absolute() or source.startswith(".") or source.count("/") != 1):
        raise Mistake(f"{source} does not exist: give the path of a prompt file, or a dataset's name (OWNER/NAME)")
    if not kind and path.is_file():
        raise Mistake(f"{source}: the name ends in none of .jsonl, .json, .parquet: rename it as what it is")
    try:
        if kind:
            return datasets.load_dataset(kind, data_files=source, split="train")
        return datasets.load_dataset(source, split=columns.split)
    except Exception as exc:
        told = " ".join(str(exc).split())[:300]
        raise Mistake(f"{source}: cannot be read as prompts ({type(exc).__name__}: {told})") from exc
