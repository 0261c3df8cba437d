"""Checkers of other packages: a small one is really installed and used; broken ones keep the verifier from starting."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.verifier.constraints import revision
from tests.service_process import ServiceProcess

ROOT = Path(__file__).parents[3]
PACKAGE = Path(__file__).parent / "outside_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `outside_package` is installed in."""
    source, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, source)  # setuptools leaves its build folder in the source
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run = subprocess.run([*pip, "--target", str(target), str(source)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return target


def written(folder: Path, module: str, *, version: str = "0.1", entry: str = "broken_checkers") -> Path:
    """What an installer would leave in `folder` of a distribution `broken-checkers` with this one module."""
    (folder / "broken_checkers.py").write_text(module, encoding="utf-8")
    metadata = folder / f"broken_checkers-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: broken-checkers\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[rlmr.checkers]\nmine = {entry}\n")
    return folder


def python(*arguments: str, packages: Path) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RLMR_")}
    environment = {**inherited, "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}", "RLMR_VERIFIER_PORT": "0"}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def revision_with(packages: Path) -> str:
    run = python("-c", "from services.verifier.constraints import revision; print(revision())", packages=packages)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


CHECKER = """
from services.verifier.constraints.registry import NoKwargs, Verdict, checker

@checker({id!r}, NoKwargs, "Anything.", summary="Anything at all.")
def anything(text, kw):
    return Verdict(True, "anything")
"""


class TestAnInstalledPackage:
    @pytest.fixture(scope="class")
    def verifier(self, installed: Path) -> Iterator[ServiceProcess]:
        with ServiceProcess("verifier", {"PYTHONPATH": str(installed)}) as process:
            yield process

    @pytest.mark.parametrize(("response", "passed"), [("A calm bay.", True), ("The calm sea.", False)])
    def test_its_checker_answers_as_our_own_do(self, verifier: ServiceProcess, response: str, passed: bool) -> None:
        constraints: list[dict[str, Any]] = [{"type": "lipogram:without", "kwargs": {"letter": "E"}}]
        sample = {"id": "a", "prompt": "Describe the sea.", "response": response, "constraints": constraints}
        result = httpx.post(f"{verifier.url}/verify", json={"samples": [sample]}).json()["results"][0]
        assert (result["status"], result["passed"]) == ("ok", passed)
        assert result["constraints"][0]["source"] == "rule"

    def test_the_revision_of_every_reply_covers_it_and_info_names_its_package(self, verifier: ServiceProcess) -> None:
        details = httpx.get(f"{verifier.url}/v1/info").json()["details"]
        assert details["checkers"]["lipogram:without"]["package"] == "lipogram-checkers 1.3.0"
        assert "package" not in details["checkers"]["punctuation:no_comma"]
        assert details["verifier"]["revision"] != f"rules-{revision()}"

    def test_the_command_line_lists_it_with_its_package(self, installed: Path) -> None:
        listed = python("-m", "rlmr", "constraints", "list", "lipogram:", packages=installed).stdout
        assert "lipogram:without  One Latin letter does not occur" in listed
        assert listed.rstrip().endswith("[lipogram-checkers 1.3.0]")
        shown = python("-m", "rlmr", "constraints", "show", "lipogram:without", packages=installed).stdout
        assert "lipogram:without (version 1, from lipogram-checkers 1.3.0)" in shown

    def test_its_own_tests_may_import_it_before_us(self, installed: Path) -> None:
        script = "import lipogram_checkers; from services.verifier.constraints import registry; print(registry['lipogram:without'].origin)"
        assert python("-c", script, packages=installed).stdout.strip() == "lipogram-checkers 1.3.0"


def test_a_new_release_of_a_package_is_a_new_revision(tmp_path: Path) -> None:
    revisions = [revision()]
    for version in ("1.0", "1.1"):
        folder = tmp_path / version
        folder.mkdir()
        revisions.append(revision_with(written(folder, CHECKER.format(id="mine:anything"), version=version)))
    assert len(set(revisions)) == 3


def test_a_package_that_imports_the_checkers_of_another_does_not_take_them_over(
    tmp_path: Path, installed: Path
) -> None:
    folder = tmp_path / "both"
    shutil.copytree(installed, folder)
    written(folder, "import lipogram_checkers\n" + CHECKER.format(id="mine:anything"))
    script = "from services.verifier.constraints import registry; print(*(c.origin for c in registry.values() if c.origin), sep=', ')"
    assert python("-c", script, packages=folder).stdout.strip() == "lipogram-checkers 1.3.0, broken-checkers 0.1"


def test_an_entry_point_may_name_a_function_that_registers(tmp_path: Path) -> None:
    function = "def register():" + CHECKER.format(id="mine:anything").replace("\n", "\n    ")
    assert revision_with(written(tmp_path, function, entry="broken_checkers:register")) != revision()


@pytest.mark.parametrize(
    ("module", "entry", "complaint"),
    [
        (CHECKER.format(id="punctuation:no_comma"), "broken_checkers", "punctuation:no_comma: id: taken by a checker of RLMR itself"),
        (CHECKER.format(id="judge"), "broken_checkers", "'judge': id: family:name is needed"),
        ("import a_library_that_is_missing", "broken_checkers", "No module named 'a_library_that_is_missing'"),
        ("", "broken_checkers.rules", "No module named 'broken_checkers.rules'"),
        ("raise RuntimeError('no\\nluck')", "broken_checkers", "RuntimeError: no luck"),
        ("raise SystemExit(0)", "broken_checkers", "SystemExit: 0"),
        (CHECKER.format(id="mine:anything").replace('summary="Anything at all."', 'summary="Anything"'), "broken_checkers", "full stop"),
        ("", "broken_checkers", "registers no checker"),
    ],
    ids=["id taken", "no family", "library missing", "module missing", "raises", "exits", "no sentence", "registers nothing"],
)  # fmt: skip
def test_a_broken_package_keeps_the_verifier_from_starting_with_one_line(
    tmp_path: Path, module: str, entry: str, complaint: str
) -> None:
    packages = written(tmp_path, module, entry=entry)
    for command in (["serve", "verifier"], ["constraints", "list"]):
        run = python("-m", "rlmr", *command, packages=packages)
        assert run.returncode == 2
        assert run.stderr.count("\n") == 1, run.stderr
        assert run.stderr.startswith(f"error: broken-checkers 0.1: entry point 'mine' ({entry}) of group rlmr.checkers")
        assert complaint in run.stderr
        assert run.stderr.rstrip().endswith("pip uninstall broken-checkers")
