"""Keeps the checkpoint from before the onset, which OpenRLHF would remove: only the last few are kept."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

KEPT = "kept"


def keep(run: Path, signal: str, step: int) -> Path | None:
    """The newest whole checkpoint of a step up to `step` in checkpoints/kept/SIGNAL, alone there; None while there is none. Hard links
    where the disk has them: nothing is copied until OpenRLHF removes its own."""
    actor, kept = run / "checkpoints" / "_actor", run / "checkpoints" / KEPT / signal
    with suppress(OSError):  # OpenRLHF may remove a folder under our eyes: then the next look finds another
        newest = _step((actor / "latest").read_text(encoding="utf-8").strip())  # `latest` is written when it is whole
        there = [p for p in actor.iterdir() if p.is_dir() and _step(p.name) <= min(step, newest)]
        best = max(there, key=lambda p: _step(p.name), default=None)
        if best is not None and not (kept / best.name).exists():
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copytree(best, kept / f"{best.name}.part", copy_function=_link, dirs_exist_ok=True)
            (kept / f"{best.name}.part").rename(kept / best.name)
    if not kept.is_dir():
        return None
    whole = sorted(
        (p for p in kept.iterdir() if p.suffix != ".part" and _step(p.name) <= step), key=lambda p: _step(p.name)
    )
    for older in whole[:-1]:
        shutil.rmtree(older, ignore_errors=True)
    return whole[-1] if whole else None


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        return str(shutil.copy2(source, target))
    return target


def _step(name: str) -> int:
    number = re.search(r"(\d+)$", name)
    return int(number.group(1)) if number else 0
