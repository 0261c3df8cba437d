"""Files that a benchmark reads. Prompts: `{name}` is replaced in one pass, so that a response cannot pull in another field; every other brace stays."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json, read_json_lines, read_text

OWN = Path(__file__).parent / "benchmarks" / "prompts"


def read_template(name: str, given: str, fields: tuple[str, ...]) -> str:
    """The user's file, or our own prompts/`name`. Raises Mistake for one that lacks a field."""
    path = Path(given) if given else OWN / name
    text = read_text(path).strip()
    missing = [field for field in fields if f"{{{field}}}" not in text]
    if missing:
        raise Mistake(f"{path}: {{{missing[0]}}} does not occur in the prompt")
    return text


def filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(" + "|".join(map(re.escape, values)) + r")\}", lambda match: values[match[1]], template)


def own_hash(*names: str) -> str:
    """Of our own prompt files: what a judge is asked is part of a result's identity."""
    return hashlib.sha256("\0".join((OWN / name).read_text(encoding="utf-8") for name in names).encode()).hexdigest()[
        :12
    ]


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """As rlmr.mistake.read_json_lines, of one JSON list or of JSON lines. Raises Mistake."""
    if read_text(path).lstrip()[:1] != "[":
        yield from read_json_lines(path)
        return
    for number, value in enumerate(read_json(path, list)):
        if not isinstance(value, dict):
            raise Mistake(f"{path}[{number}]: a JSON object is needed")
        yield f"{path}[{number}]", value
