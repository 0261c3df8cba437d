"""A benchmark from an installed package: really installed, and run through the command."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.service_process import ROOT
from tests.trainer.data.scripted_endpoint import endpoint
from tests.trainer.evaluation import haiku


def test_an_installed_benchmark_is_a_command_like_ours(site: Path, tmp_path: Path) -> None:
    data, out = haiku.write_data(tmp_path / "haiku.jsonl", 10), tmp_path / "out"
    with endpoint(lambda number, body: haiku.answers(body)) as (url, asked):
        model = ("--model", url, "--model-name", "poet", "--judge-url", url, "--judge-model", "critic")
        command = haiku.command("haiku", "--data", data, "--out", out, *model)
        done = subprocess.run(command, env=haiku.environment(site), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(asked) == 20
    assert haiku.figures(out) == {"season": 0.5, "lines": 0.8}
    settings = json.loads((out / "settings.json").read_text())
    assert settings["judge"]["sampling"] == {"temperature": 0.0, "max_tokens": 2048}
    assert settings["judge"]["url"] == url


@pytest.mark.parametrize(
    ("entry", "code", "why"),
    [
        ("haiku = broken:Haiku", "import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("haiku = broken:Haiku", "Haiku = len", "not a benchmark"),
        ("other = broken:Haiku", "from rlmr_haiku import Haiku", "its name is haiku"),
        ("ifeval = broken:Haiku", "from rlmr_haiku import Haiku", "a benchmark named ifeval exists already"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(site: Path, tmp_path: Path, entry: str, code: str, why: str) -> None:
    (tmp_path / "broken.py").write_text(code)
    metadata = tmp_path / "rlmr_broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rlmr-broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[rlmr.benchmarks]\n{entry}\n")
    sites = [tmp_path, site] if entry[:5] == "other" else [tmp_path]
    name = entry.split()[0]
    command = haiku.command(name, "--data", "d", "--out", tmp_path / "out", "--responses", "r")
    done = subprocess.run(command, env=haiku.environment(*sites), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    for part in ("rlmr-broken", "of group rlmr.benchmarks: ", why, "or uninstall"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_shows_the_package_that_is_tested_here() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text()
    for part in (haiku.PACKAGE / "rlmr_haiku.py").read_text().split("\n\n\n"):
        assert part.strip() in page
