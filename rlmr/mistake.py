"""What a person can mend, and the files that a person names: every error says which file, where in it, and what to do.

The `rlmr` command prints a Mistake in one place (cli.py), on standard error and without a traceback.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Mistake(Exception):
    """A wrong setting, file, name or address. The message names it and the remedy."""


def read_text(path: Path) -> str:
    """The file, UTF-8 with or without a byte order mark. Raises Mistake."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise Mistake(f"{path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise Mistake(f"{path}: not UTF-8 (byte {exc.start}): save it as UTF-8") from exc


def read_json(path: Path, kind: type[T]) -> T:
    """`kind`: dict or list. Raises Mistake."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise Mistake(f"{path}: not JSON: {exc}") from exc
    if not isinstance(found, kind):
        raise Mistake(f"{path}: want a JSON {kind.__name__}, not {type(found).__name__}")
    return found


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """An empty file is an empty mapping. Raises Mistake."""
    import yaml

    try:
        found = yaml.safe_load(read_text(path))
    except yaml.MarkedYAMLError as exc:
        line = f":{exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise Mistake(f"{path}{line}: not YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise Mistake(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(found, dict | None):
        raise Mistake(f"{path}: want fields, `name: value`, not {type(found).__name__}")
    return found or {}
