"""Window means of reward and held-back signals, from a ledger's numbers alone."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.onset.cusum import Parting, parting
from trainer.run.ledger import Ledger

WINDOW = 48
"""Measured groups. 384 responses of groups of 8: their mean's error is 0.05 to 0.1 standard deviations of one."""
LEAST, PARTS = 12, 6
"""A short run has PARTS windows, of LEAST groups or more: with WINDOW groups a run of 72 would be one window, and no alarm could come."""
LEAST_UNIT = 1e-6


@dataclass(frozen=True, slots=True)
class Windows:
    """One signal beside the reward."""

    signal: str
    """held_back = measured for this (sources.py); compliance, writing = what the run's strategy does not use."""
    steps: list[int]
    """Last step of each window."""
    reward: list[float]
    held_back: list[float]
    """Means, as they are."""
    reward_unit: float
    held_back_unit: float
    """Standard deviations of the first window's responses."""
    groups: list[list[tuple[float, str]]]
    """Keys (time, prompt id) of each window's groups."""

    def parting(self) -> Parting | None:
        return parting(
            [value / self.reward_unit for value in self.reward],
            [value / self.held_back_unit for value in self.held_back],
        )


def window_of(run: Path) -> int:
    """Groups of a window, by the length that the run's settings.json plans; WINDOW where it does not say."""
    path = run / "settings.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    planned = int(settings.get("steps") or 0) * int(settings.get("batch") or 0)
    return min(WINDOW, max(LEAST, planned // PARTS)) if planned else WINDOW


def all_windows(ledger: Ledger, strategy: str) -> list[Windows]:
    """Of each held-back signal that there is. `strategy`: the run's, which tells what was trained on."""
    from services.aggregator.strategies import installed

    known = installed().get(strategy)
    writing, verdict = (known.needs_writing, known.needs_verdict) if known else (True, True)
    reward = _writing if writing else _compliance
    measured = {(row["time"], row["prompt_id"]): row["values"] for row in ledger.held_back}
    signals = [("held_back", lambda g: measured.get((g["time"], g["prompt_id"]), []))] if measured else []
    if not verdict:
        signals.append(("compliance", _compliance))
    if not writing:
        signals.append(("writing", _writing))
    size = window_of(ledger.folder)
    made = (_windows(name, ledger.training_groups, reward, of, size) for name, of in signals)
    return [w for w in made if w is not None]


def _writing(group: dict[str, Any]) -> Sequence[float | None]:
    values: Sequence[float | None] = group["writing"]
    return values


def _compliance(group: dict[str, Any]) -> Sequence[float | None]:
    return [None if v is None else float(not v) for v in group["violated"]]


def _windows(name: str, groups: Sequence[dict[str, Any]], reward: Any, signal: Any, size: int) -> Windows | None:
    rows = []
    for group in groups:
        r, h = _known(reward(group)), _known(signal(group))
        if r and h:
            rows.append((group, r, h))
    parts = [rows[i : i + size] for i in range(0, len(rows) - size + 1, size)]
    if not parts:
        return None
    first = parts[0]
    return Windows(
        name,
        [int(part[-1][0].get("step") or 0) for part in parts],
        [float(np.mean([x for _, r, _ in part for x in r])) for part in parts],
        [float(np.mean([x for _, _, h in part for x in h])) for part in parts],
        max(LEAST_UNIT, float(np.std([x for _, r, _ in first for x in r]))),
        max(LEAST_UNIT, float(np.std([x for _, _, h in first for x in h]))),
        [[(g["time"], g["prompt_id"]) for g, _, _ in part] for part in parts],
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]
