"""Prompt files in the forms that other trainers read; what the adapters of rlmr/adapters expect of their columns."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.data.rows import PromptRow, write

FORMS = ("trl", "verl")


def for_trl(row: PromptRow) -> dict[str, Any]:
    """A row of a dataset for GRPOTrainer: constraints as JSON text, because Arrow would fill mappings up with nulls."""
    return {
        "prompt": _messages(row),
        "constraints": _constraints(row),
        "prompt_id": row.id,
        "domain": row.domain,
        "language": row.language,
    }


def for_verl(row: PromptRow, index: int, split: str) -> dict[str, Any]:
    """A row of verl's parquet (its docs, "Prepare Data for Post-Training")."""
    extra = {"index": index, "split": split, "prompt_id": row.id, "constraints": _constraints(row)}
    return {
        "data_source": "rlmr",
        "prompt": _messages(row),
        "ability": row.domain or "writing",
        "reward_model": {"style": "model", "ground_truth": ""},
        "extra_info": extra,
    }


def convert(rows: Sequence[PromptRow], out: Path, form: str, split: str = "train") -> int:
    """Writes JSONL for `trl`, parquet for `verl`, whole or not at all; returns the number of rows."""
    if form == "trl":
        return write(map(for_trl, rows), out)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([for_verl(row, i, split) for i, row in enumerate(rows)])
    partial = out.with_name(f".{out.name}.partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        pq.write_table(table, partial)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return len(rows)


def _messages(row: PromptRow) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in row.input]


def _constraints(row: PromptRow) -> str | None:
    constraints = row.label.constraints
    if constraints is None:
        return None
    return json.dumps([c.model_dump(exclude_none=True) for c in constraints], ensure_ascii=False)
