"""Reads what a run wrote (trainer/grpo/recorder.py): numbers into memory, texts only when asked."""

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass
class Tail:
    """What has been written to a run's ledger since the last look; nothing is kept but where that was."""

    folder: Path
    torn: int = 0
    """Lines that are not JSON: a writer died, or the folder's host did. They are skipped."""
    _offsets: dict[Path, int] = field(default_factory=dict)

    def new(self, kind: str) -> Iterator[dict[str, Any]]:
        """Rows of that kind, writer by writer, each in the order in which it wrote."""
        for path in shards(self.folder, kind):
            yield from self._new(path)

    def _new(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._offsets[path] = self._offsets.get(path, 0) + len(line)
                row = _parsed(line)
                if row is None:
                    self.torn += 1
                else:
                    yield row


@dataclass
class Ledger:
    """Everything so far but the texts, in the order of time. `refresh()` reads only what is new."""

    folder: Path
    groups: list[dict[str, Any]] = field(default_factory=list)
    advantages: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    held_back: list[dict[str, Any]] = field(default_factory=list)
    """What training never saw (trainer/onset): {time, prompt_id, step, values}."""

    def __post_init__(self) -> None:
        self._tail = Tail(self.folder)

    @property
    def torn(self) -> int:
        return self._tail.torn

    def refresh(self) -> "Ledger":
        for kind, rows, order in (
            ("groups", self.groups, "time"),
            ("advantages", self.advantages, "step"),
            ("steps", self.steps, "step"),
            ("held_back", self.held_back, "time"),
        ):
            known = len(rows)
            for row in self._tail.new(kind):
                if kind == "groups":
                    row.pop("samples", None)  # half of a group's memory, and only a replay wants it (whole_groups)
                rows.append(row)
            if len(rows) > known:
                rows.sort(key=lambda row: row.get(order, 0))
        return self

    def whole_groups(self, split: str = "train") -> Iterator[dict[str, Any]]:
        """Each group of the split with its prompt, constraints, responses and statuses, in the order of time; read from the files
        group by group, for they may be larger than memory."""
        numbers, texts = _merged(self.folder, "groups"), _merged(self.folder, "texts")
        text = next(texts, None)
        for row in numbers:
            while text is not None and _key(text) < _key(row):
                text = next(texts, None)  # its numbers were lost
            if text is not None and _key(text) == _key(row) and row["split"] == split:
                yield {**text, **row}

    @property
    def training_groups(self) -> list[dict[str, Any]]:
        return [g for g in self.groups if g["split"] == "train"]

    @property
    def updates(self) -> list[dict[str, Any]]:
        """Steps in which the policy was updated."""
        return [s for s in self.steps if "policy_loss" in s]

    def dropped(self) -> dict[str, int]:
        """Training groups dropped, by reason."""
        return dict(Counter(str(g["reason"]) for g in self.training_groups if g["decision"] != "train"))

    def trained(self) -> int:
        return sum(g["decision"] == "train" for g in self.training_groups)

    def violators_with_positive_advantage(self) -> int:
        """Over all steps, from the advantages that OpenRLHF computed."""
        return sum(a["violators_with_positive_advantage"] for a in self.advantages)

    def violation_rate(self, last: int) -> float | None:
        """Share of violators among valid samples of the last `last` training groups, dropped ones included."""
        flags = [v for g in self.training_groups[-last:] for v in g["violated"] if v is not None]
        return sum(flags) / len(flags) if flags else None


def shards(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "ledger").glob(f"{kind}.*.jsonl"))


def _key(row: dict[str, Any]) -> tuple[float, str]:
    return row["time"], row["prompt_id"]


def _merged(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    def rows(path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            yield from (row for line in file if (row := _parsed(line)) is not None)

    return heapq.merge(*map(rows, shards(folder, kind)), key=_key)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except ValueError:
        try:
            row = json.loads(line)  # a NaN, which is no JSON, is a torn line to orjson alone
        except ValueError:
            return None
    return row if isinstance(row, dict) else None
