"""What a person can mend, and the files that a person names: every error says which file, where in it, and what to do.

The `rlmr` command prints a Mistake in one place (cli.py), on standard error and without a traceback. Exit codes of every command:

    0   done
    1   done, and what was found is bad: a violated constraint, a rate above --limit, a bundle that does not verify, calls without an answer
    2   not done: a wrong option, setting, file or address, or a part that did not come up
    130 Ctrl-C
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import ValidationError

T = TypeVar("T")


class Mistake(Exception):
    """A wrong setting, file, name or address. The message names it and the remedy."""


def first_wrong(exc: "ValidationError") -> str:
    """`field: what is wrong with it`, of the first of pydantic's errors."""
    error = exc.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, error["loc"]))
    return f"{field}: {error['msg']}" if field else error["msg"]


def read_text(path: Path) -> str:
    """The file, UTF-8 with or without a byte order mark. Raises Mistake."""
    try:
        return decoded(path.read_bytes(), path)
    except OSError as exc:
        raise Mistake(f"{path}: {exc.strerror or exc}") from exc


def decoded(data: bytes, where: object) -> str:
    """Line ends stay as they are. Raises Mistake."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Mistake(f"{where}: not UTF-8 (byte {exc.start}): save it as UTF-8") from exc


def read_json(path: Path, kind: type[T]) -> T:
    """`kind`: dict or list. Raises Mistake."""
    return json_of(read_text(path), path, kind)


def json_of(text: str, where: object, kind: type[T]) -> T:
    """Raises Mistake."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Mistake(f"{where}: not JSON: {exc}") from exc
    if not isinstance(found, kind):
        raise Mistake(f"{where}: want a JSON {'object' if kind is dict else kind.__name__}, not {type(found).__name__}")
    return found


def lines_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """("file:line", line) of every line that is not blank; they end at newlines alone, for Unicode's own line separators may stand within
    a JSON string. Raises Mistake."""
    try:
        with path.open("rb") as file:
            yield from ((f"{path}:{number}", line) for number, line in enumerate(file, 1) if line.strip())
    except OSError as exc:
        raise Mistake(f"{path}: {exc.strerror or exc}") from exc


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """("file:line", object) of every line that is not blank. Raises Mistake."""
    for where, line in lines_of(path):
        yield where, json_of(decoded(line, where), where, dict)


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """An empty file is an empty mapping. Raises Mistake."""
    found = _read_yaml(path)
    if not isinstance(found, dict | None):
        raise Mistake(f"{path}: want fields, `name: value`, not {type(found).__name__}")
    return found or {}


def read_yaml_list(path: Path) -> list[Any]:
    """By the quick loader, whose errors may name the line behind the one that is wrong. Raises Mistake."""
    found = _read_yaml(path, "CSafeLoader")
    if not isinstance(found, list):
        raise Mistake(f"{path}: want a list of rows, not {type(found).__name__}")
    return found


def _read_yaml(path: Path, loader: str = "SafeLoader") -> Any:
    import yaml

    try:
        return yaml.load(read_text(path), Loader=getattr(yaml, loader, yaml.SafeLoader))
    except yaml.MarkedYAMLError as exc:
        line = f":{exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise Mistake(f"{path}{line}: not YAML: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # ValueError: 2026-13-45 is no date
        raise Mistake(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
