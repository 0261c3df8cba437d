"""`pip install .` alone, in an empty environment: the client and the command line, no torch and no server."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service_process import ROOT

NO_INDEX = (
    "No matching distribution",
    "ConnectionError",
    "NewConnectionError",
    "Failed to establish",
    "Temporary failure",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its programs."""
    home, sources = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("sources")
    for name in ("rlmr", "services", "trainer"):  # a copy: a build leaves files beside its sources
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=120)
    pip = [str(home / "bin/python"), "-m", "pip", "install", "--disable-pip-version-check", "-q", str(sources)]
    run = subprocess.run(pip, capture_output=True, text=True, timeout=500)
    if run.returncode and any(sign in run.stderr for sign in NO_INDEX):
        pytest.skip("no package index within reach: pip cannot install the base dependencies")
    assert run.returncode == 0, run.stderr
    return home / "bin"


def said(*command: object) -> tuple[int, str]:
    run = subprocess.run([str(word) for word in command], cwd="/", capture_output=True, text=True, timeout=120)
    return run.returncode, run.stdout + run.stderr


def test_it_holds_neither_torch_nor_a_server(base: Path) -> None:
    _, listed = said(base / "python", "-m", "pip", "list", "--format=freeze")
    names = {line.partition("==")[0].lower() for line in listed.splitlines()}
    assert "httpx" in names
    assert not names & {
        "torch",
        "fastapi",
        "starlette",
        "uvicorn",
        "aiohttp",
        "transformers",
        "numpy",
        "pydantic-settings",
    }


def test_the_client_can_be_imported(base: Path) -> None:
    code, text = said(base / "python", "-c", "from rlmr import AsyncRlmrClient, RlmrClient; print('here')")
    assert (code, text.strip()) == (0, "here")


def test_the_adapters_can_be_imported(base: Path) -> None:
    wanted = "from rlmr.adapters.trl import RlmrReward; from rlmr.adapters.verl import RlmrRewardManager"
    code, text = said(base / "python", "-c", f"{wanted}; print(RlmrReward('http://127.0.0.1:8000').settings.url)")
    assert (code, text.strip()) == (0, "http://127.0.0.1:8000")


def test_help_lists_every_command_with_its_extra(base: Path) -> None:
    code, text = said(base / "rlmr", "--help")
    assert code == 0
    for command in ("serve", "doctor", "constraints", "attack", "train", "compare", "rm", "eval", "world"):
        assert f" {command} " in text
    assert "extra:" in text


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["train"], "trainer"),
        (["train", "--show"], "trainer"),
        (["rm", "check", "x"], "trainer"),
        (["world", "path"], "trainer"),
        (["constraints", "list"], "verifier"),
        (["serve", "aggregator"], "aggregator"),
        (["serve", "writing-rm"], "writing-rm"),
    ],
)
def test_a_command_says_which_extra_it_needs(base: Path, command: list[str], extra: str) -> None:
    code, text = said(base / "rlmr", *command)
    assert code == 2
    assert f'pip install "rlmr[{extra}]"' in text
    assert "Traceback" not in text


def test_the_commands_that_only_call_services_work(base: Path) -> None:
    code, text = said(base / "rlmr", "doctor", "--url", "http://127.0.0.1:9", "--timeout", "2")
    assert code == 1
    assert "nobody answers" in text
    code, text = said(base / "rlmr", "attack", "--url", "http://127.0.0.1:9")
    assert code == 2
    assert "error:" in text and "Traceback" not in text
