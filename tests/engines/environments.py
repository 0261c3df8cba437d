"""The environments of `make test-engines`: sglang's own (3.4 GB, cached outside the tree), and vLLM from the main one.

    python -m tests.engines.environments        builds what is missing

RLMR_ENGINES_DIR: where; default ~/.cache/rlmr/engines. A change of the lock file or of the stand-ins builds a new environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "engine-sglang-cpu.txt"
STAND_INS = Path(__file__).with_name("cuda_stand_ins.py")


def sglang_environment() -> Path:
    """Directory of the environment for this lock file; it may not exist yet."""
    base = Path(os.environ.get("RLMR_ENGINES_DIR") or Path.home() / ".cache" / "rlmr" / "engines")
    fingerprint = hashlib.sha256(LOCK.read_bytes() + STAND_INS.read_bytes()).hexdigest()[:12]
    return base / f"sglang-{fingerprint}"


def sglang_python() -> Path | None:
    """Its interpreter, or None before `make test-engines` has built it."""
    python = sglang_environment() / "bin" / "python"
    return python if (sglang_environment() / "complete").is_file() else None


def build_sglang() -> Path:
    """Builds the environment unless it is complete. `TORCH_INDEX_URL` names an index with CPU wheels of torch, if needed."""
    if (python := sglang_python()) is not None:
        return python
    target = sglang_environment()
    shutil.rmtree(target, ignore_errors=True)
    print(f"==> building {target} (3.4 GB, 2 to 4 minutes)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    python = target / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    pins = [line.strip() for line in LOCK.read_text().splitlines() if line.strip() and not line.startswith("#")]
    torch = [pin for pin in pins if pin.startswith("torch==")]
    index = os.environ.get("TORCH_INDEX_URL")
    subprocess.run([*pip, *torch, *(["--index-url", index] if index else [])], check=True)
    subprocess.run([*pip, *(pin for pin in pins if pin not in torch)], check=True)
    packages = next((target / "lib").glob("python3*")) / "site-packages"
    shutil.copyfile(STAND_INS, packages / "rlmr_cuda_stand_ins.py")
    (packages / "rlmr_cuda_stand_ins.pth").write_text("import rlmr_cuda_stand_ins\n")
    (target / "complete").touch()
    return python


if __name__ == "__main__":
    print(f"sglang: {build_sglang()}")
