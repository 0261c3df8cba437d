"""Where the reference data lies, and our verdicts beside the reference's for one benchmark."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from services.verifier.constraints import Subject, evaluate, prepare

DATA = Path(os.environ.get("RLMR_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


@dataclass(frozen=True)
class Row:
    key: str
    id: str
    ours: tuple[bool, bool]
    """Strict and loose."""
    reference: tuple[bool, bool]


def rows(prompts_file: str, verdicts_file: str) -> list[Row]:
    with (DATA / prompts_file).open(encoding="utf-8") as lines:
        prompts = {str(row["key"]): row for row in map(json.loads, lines)}
    found = []
    with (DATA / verdicts_file).open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            prompt, subject = prompts[str(row["key"])], Subject(row["response"])
            for id, kwargs, strict, loose in zip(
                prompt["instruction_id_list"], prompt["kwargs"], row["strict"], row["loose"], strict=True
            ):
                rule = prepare(id, {k: v for k, v in kwargs.items() if v is not None})
                ours = (evaluate(rule, subject, "strict").passed, evaluate(rule, subject, "loose").passed)
                found.append(Row(str(row["key"]), id, ours, (strict, loose)))
    return found
