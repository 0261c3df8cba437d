"""The benchmark of docs/plugins.md with its data, a model and a judge that are scripts, and the command that runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.service_process import ROOT

PACKAGE = Path(__file__).with_name("outside_package")


def install(target: Path) -> Path:
    """`pip install --target` of a copy of the package (a build leaves files beside its source)."""
    copy = target.with_name(f"{target.name}-source")
    shutil.copytree(PACKAGE, copy)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", str(target), str(copy)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def environment(*sites: Path) -> dict[str, str]:
    path = os.pathsep.join([*map(str, sites), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "120"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "rlmr", "eval", *map(str, arguments)]


def write_data(path: Path, count: int) -> Path:
    rows = [json.dumps({"key": n, "prompt": f"Write haiku number {n}."}) for n in range(count)]
    path.write_text("\n".join(rows) + "\n")
    return path


def answers(body: dict[str, Any]) -> str:
    """Both roles: to a prompt, its number on three lines (two for every fifth); as a judge, yes for even numbers."""
    text = body["messages"][-1]["content"]
    number = int(re.findall(r"\d+", text)[0])
    if text.startswith("Write"):
        return f"haiku {number}" + "\na line" * (1 if number % 5 == 0 else 2)
    return "yes" if number % 2 == 0 else "no"


def run(*arguments: object) -> tuple[int, str]:
    from rlmr.cli import app

    result = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    return result.exit_code, result.output


def journal(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(out: Path) -> dict[str, float]:
    found = json.loads((out / "results.json").read_text())
    return {m["name"]: m["value"] for m in found["measures"]}
