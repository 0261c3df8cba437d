"""A run's folder belongs to one run: opened anew, or gone on with from its last checkpoint with the same settings."""

import json
import mmap
import re
import shutil
import time
from pathlib import Path
from typing import Any

from rlmr.mistake import read_json
from trainer.grpo.recorder import KINDS
from trainer.run.ledger import shards
from trainer.run.presets import Preset, PresetError
from trainer.run.secrets import REDACTED, redacted, secret

SETTINGS = "settings.json"


def open_run(run: Path, preset: Preset, *, resume: bool = False, overwrite: bool = False) -> int:
    """Makes the folder ready and returns the step that training goes on after; 0 = from the beginning.

    Raises PresetError for a folder that holds a run (unless overwrite, which removes it), and with resume for one that holds none, is
    finished, or has other settings."""
    if resume:
        return _resumed(run, preset)
    if run.exists() and (overwrite or _nothing_made(run)):
        shutil.rmtree(run)
    if run.exists() and any(run.iterdir()):
        raise PresetError(
            f"{run} holds a run: go on with it (--resume {run}), remove it (--overwrite), or choose another --name"
        )
    (run / "logs").mkdir(parents=True, exist_ok=True)
    (run / SETTINGS).write_text(json.dumps(redacted(preset.model_dump(mode="json")), indent=2) + "\n", encoding="utf-8")
    return 0


def _nothing_made(run: Path) -> bool:
    """A run that ended before it evaluated or trained, for a wrong key, say: its folder is no obstacle to the next attempt."""
    made = ("ledger", "checkpoints", "policy", "before.json", "summary.json")
    return (run / SETTINGS).is_file() and not any((run / name).exists() for name in made)


def saved_settings(run: Path) -> dict[str, Any]:
    path = run / SETTINGS
    if not path.is_file():
        raise PresetError(f"{run} holds no run that could be resumed: {SETTINGS} is missing")
    return read_json(path, dict)


def _resumed(run: Path, preset: Preset) -> int:
    changes = changed(saved_settings(run), preset.model_dump(mode="json"))
    if changes:
        raise PresetError(
            f"{run} was started with other settings; a resumed run keeps its own:\n- " + "\n- ".join(changes)
        )
    if (run / "summary.json").is_file():
        raise PresetError(f"{run} is finished (summary.json): start another with --name, or repeat it with --overwrite")
    (run / "logs").mkdir(exist_ok=True)
    step = checkpoint_step(run / "checkpoints" / "_actor")
    lost = rewind(run, step)
    onset = run / "onset.json"
    if onset.is_file() and json.loads(onset.read_text(encoding="utf-8"))["alarm_step"] > step:
        onset.unlink()
    with (run / "resumes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.time(), "after_step": step, "rows_made_again": lost}) + "\n")
    return step


def pin(run: Path, revisions: dict[str, str]) -> dict[str, str]:
    """The revisions that answer now, which must be those that the run began with."""
    path = run / "revisions.json"
    if path.is_file() and (changes := changed(json.loads(path.read_text(encoding="utf-8")), revisions)):
        raise PresetError(
            f"{run} was started with other services; run them again, or start another run:\n- " + "\n- ".join(changes)
        )
    path.write_text(json.dumps(revisions, indent=2) + "\n", encoding="utf-8")
    return revisions


def changed(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """`lr: 0.0006 in the run, 0.001 now`, for each setting that differs. Secrets are not kept and may differ."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += changed(old, new, f"{prefix}{name}.")
        elif old != new and not secret(name):
            found.append(f"{prefix}{name}: {old} in the run, {new} now")
        elif secret(name) and new == REDACTED:
            found.append(f"{prefix}{name} is secret and was not kept: give it again with --set {prefix}{name}=...")
    return found


def checkpoint_step(folder: Path) -> int:
    """Step of the checkpoint that OpenRLHF will load, 0 without one. A run that dies while it saves may have removed the one that
    `latest` names (OpenRLHF makes room first): then `latest` is set to the newest complete one before it."""
    latest = folder / "latest"
    if not latest.is_file():
        return 0
    tag = latest.read_text(encoding="utf-8").strip()
    if not (folder / tag).is_dir():
        older = [p.name for p in folder.iterdir() if p.is_dir() and _step(p.name) < _step(tag)]
        if not older:
            raise PresetError(
                f"{latest} names {tag}, which is gone, and there is none before it: start again with --overwrite"
            )
        tag = max(older, key=_step)
        latest.write_text(tag, encoding="utf-8")
    return _step(tag)


def _step(tag: str) -> int:
    number = re.search(r"(\d+)$", tag)
    return int(number.group(1)) if number else 0


def rewind(run: Path, step: int) -> int:
    """Takes what was made after `step` out of the ledger, for it will be made again; returns how many lines. The run's own writers
    write in the order of steps: those files are read from their end, to the first row that stays, however large they are."""
    cut = sum(_cut(path, step) for kind in KINDS for path in shards(run, kind))
    return cut + sum(_sifted(path, step) for path in shards(run, "held_back"))


def _cut(path: Path, step: int) -> int:
    size = path.stat().st_size
    if not size:
        return 0
    keep, lost, passed = size, 0, 0
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = size
            while end:
                start = content.rfind(b"\n", 0, end - 1) + 1
                row, passed = _step_of(content[start:end]), passed + 1
                torn_end = end == size and content[end - 1] != ord("\n")
                if torn_end or (row is not None and row > step):
                    keep, lost = start, passed
                elif row is not None:
                    break
                end = start  # a torn line in the middle stays if what is before it stays, and is counted
        file.truncate(keep)
    return lost


def _sifted(path: Path, step: int) -> int:
    """The same for rows in any order (trainer/onset reads one writer's texts after the other)."""
    lines = path.read_bytes().splitlines(keepends=True)
    stay = [line for line in lines if line.endswith(b"\n") and (_step_of(line) or 0) <= step]
    rewound = path.with_suffix(".rewound")
    rewound.write_bytes(b"".join(stay))
    rewound.replace(path)
    return len(lines) - len(stay)


def _step_of(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return None
