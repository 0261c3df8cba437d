"""The floors: `lint-imports` (part of `make lint`) keeps the contracts of pyproject.toml, and notices when one is broken."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service_process import ROOT

PACKAGES = ("rlmr", "services", "trainer", "benchmarks")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", target)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def lint(tree: Path) -> tuple[int, str]:
    run = subprocess.run(
        ["lint-imports", "--no-logo", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return run.returncode, run.stdout + run.stderr


def test_the_contracts_hold(copy: Path) -> None:
    code, said = lint(copy)
    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("services/serving/app.py", "def late() -> None:\n    import trainer.run.ledger\n", "Floors"),
        ("rlmr/client.py", "import services.serving\n", "Floors"),
        ("trainer/run/ledger.py", "import benchmarks.stub_upstreams\n", "Floors"),
        ("services/aggregator/app.py", "import services.verifier.constraints\n", "do not know each other"),
        ("services/serving/app.py", "import services.commands.serve\n", "knows no service"),
        ("rlmr/wire/score.py", "import rlmr.client\n", "wire types"),
        ("services/aggregator/mixing/linear.py", "import asyncio\n", "Mixing is pure"),
        ("services/aggregator/mixing/linear.py", "import services.serving.logs\n", "Mixing is pure"),
        ("services/verifier/app.py", "import services.serving.gpu\n", "never reach torch"),
        ("rlmr/adapters/groups.py", "def late() -> None:\n    import numpy\n", "The adapters"),
    ],
)
def test_a_broken_contract_is_caught(copy: Path, file: str, line: str, contract: str) -> None:
    path, gpu = copy / file, copy / "services/serving/gpu.py"
    before = path.read_text(encoding="utf-8")
    try:
        gpu.write_text("import torch\n", encoding="utf-8")  # an innocent-looking step between the verifier and torch
        path.write_text(f"{before}\n{line}", encoding="utf-8")
        code, said = lint(copy)
    finally:
        path.write_text(before, encoding="utf-8")
        gpu.unlink()
    assert code == 1, said
    broken = [row for row in said.splitlines() if row.endswith(" BROKEN")]
    assert any(contract in row for row in broken), said


def test_the_picture_in_the_docs_is_that_of_the_imports() -> None:
    check = [sys.executable, "docs/draw_architecture.py", "--check"]
    run = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


def test_no_retry_loop_stands_outside_the_call_layer() -> None:
    """Every caller goes through rlmr/calls.py: nothing else of the product computes a wait between attempts or reads Retry-After
    of a reply. (Waiting for a process of one's own to start is no retry of a call.)"""
    signs = re.compile(
        r"2(\.0)? ?\*\* ?\(?(min|attempt|failures|tries)|uniform\(0\.5|\.get\(.Retry-After|^import backoff|tenacity"
    )
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 150
    assert [str(f.relative_to(ROOT)) for f in files if signs.search(f.read_text(encoding="utf-8"))] == ["rlmr/calls.py"]
