"""Reads what a run wrote: groups.jsonl (agent), advantages.jsonl and steps.jsonl (recorder)."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Ledger:
    """Everything so far, in the order it was written. `refresh()` reads only what is new."""

    folder: Path
    groups: list[dict[str, Any]] = field(default_factory=list)
    advantages: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    _offsets: dict[str, int] = field(default_factory=dict)

    def refresh(self) -> "Ledger":
        for name, rows in (("groups", self.groups), ("advantages", self.advantages), ("steps", self.steps)):
            path = self.folder / f"{name}.jsonl"
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(self._offsets.get(name, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # still being written
                    rows.append(json.loads(line))
                    self._offsets[name] = self._offsets.get(name, 0) + len(line)
        return self

    @property
    def training_groups(self) -> list[dict[str, Any]]:
        return [g for g in self.groups if g["split"] == "train"]

    @property
    def updates(self) -> list[dict[str, Any]]:
        """Steps in which the policy was updated. The last batch of the data may be too small for OpenRLHF to train on."""
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
