"""The environments of `make test-adapters`: TRL's and verl's own (1.5 and 1.7 GB, cached outside the tree); they exclude each other
and OpenRLHF's.

    python -m tests.rlmr.adapters.environments        builds what is missing

RLMR_ADAPTERS_DIR: where; default ~/.cache/rlmr/adapters. A change of a lock file builds a new environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TRAINERS = ("trl", "verl")


def lock(trainer: str) -> Path:
    return ROOT / "requirements" / f"{trainer}-cpu.txt"


def environment(trainer: str) -> Path:
    """Directory of the environment for this lock file; it may not exist yet."""
    base = Path(os.environ.get("RLMR_ADAPTERS_DIR") or Path.home() / ".cache" / "rlmr" / "adapters")
    return base / f"{trainer}-{hashlib.sha256(lock(trainer).read_bytes()).hexdigest()[:12]}"


def interpreter(trainer: str) -> Path | None:
    """Its python, or None before `make test-adapters` has built it."""
    target = environment(trainer)
    return target / "bin" / "python" if (target / "complete").is_file() else None


def build(trainer: str) -> Path:
    """Builds the environment unless it is complete. `TORCH_INDEX_URL` names an index with CPU wheels of torch, if needed."""
    if (python := interpreter(trainer)) is not None:
        return python
    target = environment(trainer)
    shutil.rmtree(target, ignore_errors=True)
    print(f"==> building {target} (1 to 3 minutes)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    python = target / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    pins = [
        line.strip() for line in lock(trainer).read_text().splitlines() if line.strip() and not line.startswith("#")
    ]
    torch = [pin for pin in pins if pin.startswith("torch==")]
    index = os.environ.get("TORCH_INDEX_URL")
    subprocess.run([*pip, *torch, *(["--index-url", index] if index else [])], check=True)
    subprocess.run([*pip, *(pin for pin in pins if pin not in torch)], check=True)
    (target / "complete").touch()
    return python


if __name__ == "__main__":
    for name in TRAINERS:
        print(f"{name}: {build(name)}")
