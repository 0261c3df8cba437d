"""Folders of prompts and responses for the arena's tests."""

import json
from pathlib import Path
from typing import Any

from trainer.arena.folder import PROMPTS


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def make_folder(folder: Path, prompts: int = 4, arms: tuple[str, ...] = ("base", "tuned")) -> Path:
    """Arm number i writes i more words than arm 0, so that lengths are known."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / PROMPTS, [{"id": f"p{i}", "prompt": f"Write about topic {i}."} for i in range(prompts)])
    for n, arm in enumerate(arms):
        rows = [{"id": f"p{i}", "response": f"Text {i} of somebody" + " more" * n + "."} for i in range(prompts)]
        write_lines(folder / f"{arm}.jsonl", rows)
    return folder
