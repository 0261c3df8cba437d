"""What each image holds: its own service and what every service is made of, checked on the tree that its Dockerfile copies."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service_process import ROOT

PLACE = "/opt/rlmr/lib/python3.11/site-packages/"


def tree_of(service: str, target: Path) -> Path:
    for line in (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and words[-1].startswith(PLACE):
            source, place = ROOT / words[1], target / words[-1].removeprefix(PLACE)
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
    return target


# Without the finder of an editable install, which would supply from the checkout what the image lacks.
ALONE = (
    "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '').lower()]\n"
)


def python(tree: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ALONE + code],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("service", ["aggregator", "verifier", "writing_rm"])
def test_an_image_holds_one_service_and_it_can_be_imported(service: str, tmp_path: Path) -> None:
    tree = tree_of(service, tmp_path)
    assert sorted(p.name for p in tree.iterdir()) == ["rlmr", "services"]
    assert {p.name for p in (tree / "services").iterdir()} == {"__init__.py", "serving", "commands", service}
    run = python(tree, f"import services.{service}.app as app; print(app.__file__)")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(tree))


def test_a_command_that_is_not_in_an_image_says_what_is_missing(tmp_path: Path) -> None:
    tree = tree_of("aggregator", tmp_path)
    for command, extra in (("constraints list", "verifier"), ("train", "trainer")):
        run = python(tree, f"sys.argv = 'rlmr {command}'.split()\nfrom rlmr.cli import main\nmain()")
        assert run.returncode == 2
        assert f'pip install "rlmr[{extra}]"' in run.stderr
        assert "Traceback" not in run.stderr
