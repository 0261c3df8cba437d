"""An append-only file of JSON lines, each written by one system call and synced: after a kill or a full disk, a whole prefix is there."""

import json
import os
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json_lines
from trainer.data.rows import line_of


class Journal:
    """`entries` are those found when it was opened. A torn last line (no newline) is cut off: it was never acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path, self.entries = path, list[dict[str, Any]]()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._size = self._whole()
        os.ftruncate(self._file, self._size)
        self.entries = [value for _, value in read_json_lines(path)]

    def append(self, entry: dict[str, Any]) -> None:
        """Raises Mistake if it does not fit on the disk; the file is then as before."""
        line = line_of(entry).encode()
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(28, "no space left on device")
            os.fsync(self._file)
        except OSError as exc:
            os.ftruncate(self._file, self._size)
            raise Mistake(f"{self.path}: {exc.strerror}: free some space and run the same command again") from exc
        self._size += len(line)
        self.entries.append(json.loads(line))

    def close(self) -> None:
        os.close(self._file)

    def _whole(self) -> int:
        """Bytes up to the end of the last whole line."""
        size = os.fstat(self._file).st_size
        at = size
        while at > 0:
            start = max(0, at - 65536)
            newline = os.pread(self._file, at - start, start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            at = start
        return 0
