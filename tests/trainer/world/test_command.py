"""`rlmr world show` needs no built world; `build` and `path` say where the world is."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from trainer.world import build
from trainer.world.build import world_path

STATS = {"seed": 0, "policy": {"compliance": 0.4}, "reward_model": {}, "prompts": {}, "seconds": {}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLMR_CACHE", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["world", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_show_prints_prompts_and_stories_without_a_built_world(cache: Path) -> None:
    shown = run("show", "--stories", "3")
    assert "Prompts" in shown and "Stories" in shown and "coherence" in shown
    assert "not built yet: rlmr world build --seed 0" in shown
    assert list(cache.iterdir()) == []


def test_build_prints_the_figures_and_path_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_build", lambda work, *_: (work / "world.json").write_text(json.dumps(STATS)))
    assert "compliance" in run("build")
    assert run("path").splitlines()[-1] == str(world_path(0))
    assert "compliance" in run("show")
