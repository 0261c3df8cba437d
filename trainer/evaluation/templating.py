"""Files that a benchmark reads. Prompts: `{name}` is replaced in one pass, so that a response cannot pull in another field; every other brace stays."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.data.rows import DataFileError, objects

OWN = Path(__file__).parent / "benchmarks" / "prompts"


def read_template(name: str, given: str, fields: tuple[str, ...]) -> str:
    """The user's file, or our own prompts/`name`. Raises DataFileError for one that lacks a field."""
    path = Path(given) if given else OWN / name
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataFileError(f"{path}: {exc}") from exc
    missing = [field for field in fields if f"{{{field}}}" not in text]
    if missing:
        raise DataFileError(f"{path}: {{{missing[0]}}} does not occur in the prompt")
    return text


def filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(" + "|".join(map(re.escape, values)) + r")\}", lambda match: values[match[1]], template)


def own_hash(*names: str) -> str:
    """Of our own prompt files: what a judge is asked is part of a result's identity."""
    return hashlib.sha256("\0".join((OWN / name).read_text(encoding="utf-8") for name in names).encode()).hexdigest()[
        :12
    ]


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """As trainer.data.rows.objects, of one JSON list or of JSON lines. Raises DataFileError."""
    try:
        if path.read_text(encoding="utf-8-sig").lstrip()[:1] != "[":
            yield from objects(path)
            return
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as exc:
        raise DataFileError(f"{path}: {exc}") from exc
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise DataFileError(f"{path}[{number}]: a JSON object is needed")
        yield f"{path}[{number}]", value
