"""JSON lines as people hand them in: with a byte order mark, blank lines, a line that is none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json_lines(path: Path, error: type[ValueError]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line that is not blank. Raises `error`, which names the file, the line and the remedy.

    Lines end at newlines alone: Unicode's own line separators may stand within a JSON string.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as exc:
        raise error(f"{path}: not UTF-8 (byte {exc.start}): save it as UTF-8") from None
    except OSError as exc:
        raise error(f"{path}: {exc.strerror}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise error(f"{path}:{number}: not JSON: {exc}") from None
        if not isinstance(row, dict):
            raise error(f"{path}:{number}: a JSON object is needed")
        yield number, row
