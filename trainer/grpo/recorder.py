"""Writes what a run does to RLMR_RUN_DIR/ledger, from the processes that know: the agent and OpenRLHF's trainer.

One file per kind and writer, ledger/<kind>.<host>-<pid>.jsonl, so that no two processes ever write to one file: on a shared folder
appends of different hosts may tear each other's lines. trainer/run/ledger.py reads them.

groups      one object per group: rewards, verdicts, delta, decision; texts: its responses, apart because they are large
steps       one object per training step: OpenRLHF's own status dictionary (loss, reward, KL, timings, our extra_logs)
advantages  one object per training step, from the advantages that OpenRLHF computed (not from ours):
            {samples, violators, violators_with_positive_advantage, compliant_with_negative_advantage, ...}

Nothing here may ever touch training: a full disk or a missing folder costs rows, is told once on stderr, and that is all.
"""

import json
import math
import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# A violator's advantage is an exact float32 computation on numbers of order 1; only a value above this is a sign error.
POSITIVE = 0.0

KINDS = ("groups", "texts", "steps", "advantages")
_told: set[str] = set()


def shard(folder: Path, kind: str) -> Path:
    """The file that this process appends rows of `kind` to."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
    return folder / "ledger" / f"{kind}.{host}-{os.getpid()}.jsonl"


def record(kind: str, row: Callable[[], dict[str, Any]]) -> None:
    """Appends row() to the ledger of RLMR_RUN_DIR, if it is set. Never raises: what cannot be written is lost, and said once a kind."""
    folder = os.environ.get("RLMR_RUN_DIR")
    if not folder:
        return
    try:
        path = shard(Path(folder), kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row(), ensure_ascii=False) + "\n")
    except Exception as exc:  # noqa: BLE001 - whatever it is, training is worth more
        tell_once(f"a row of the ledger's {kind} was lost", exc)


def tell_once(what: str, exc: Exception) -> None:
    """On stderr, once a process: what monitoring failed at, and that training goes on."""
    if what not in _told:
        _told.add(what)
        print(f"RLMR: {what}, training goes on: {type(exc).__name__}: {exc}", file=sys.stderr)


def summarise_advantages(experiences: Sequence[Any]) -> dict[str, Any]:
    """Counts signs of the per-sample advantage over OpenRLHF Experiences that carry our `violated` and `valid` logs.

    An experience holds advantages and action_mask of shape (batch, response tokens) and info["violated"] of shape (batch,).
    A `violated` that is not a number counts as unknown. With gamma = 1 the advantage of a sample is the same at each of its action
    tokens; the largest is taken.
    """
    counts = {
        "samples": 0,
        "violators": 0,
        "violators_with_positive_advantage": 0,
        "compliant": 0,
        "compliant_with_negative_advantage": 0,
        "invalid": 0,
        "unknown": 0,
    }
    sums = {"violators": 0.0, "compliant": 0.0}
    worst = -math.inf
    for experience in experiences:
        masked = experience.advantages.float().masked_fill(~experience.action_mask.bool(), -math.inf)
        largest = masked.max(dim=-1).values.tolist()
        violated, valid = experience.info["violated"].tolist(), experience.info["valid"].tolist()
        for advantage, is_violator, is_valid in zip(largest, violated, valid, strict=True):
            counts["samples"] += 1
            if not is_valid:
                counts["invalid"] += 1
            elif math.isnan(is_violator):
                counts["unknown"] += 1
            elif is_violator:
                counts["violators"] += 1
                counts["violators_with_positive_advantage"] += advantage > POSITIVE
                sums["violators"] += advantage
                worst = max(worst, advantage)
            else:
                counts["compliant"] += 1
                counts["compliant_with_negative_advantage"] += advantage < 0
                sums["compliant"] += advantage
    means = {
        f"mean_advantage_{kind}": sums[kind] / counts[kind] if counts[kind] else None
        for kind in ("violators", "compliant")
    }
    return {**counts, **means, "largest_violator_advantage": None if worst == -math.inf else worst}
