"""`rlmr rm export | check | calibrate` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from services.writing_rm.model.manifest import read_manifest
from tests.service_process import ServiceProcess
from tests.services.writing_rm.conftest import reference_pairs
from tests.services.writing_rm.fake_engine import FakeEngine
from tests.services.writing_rm.test_service import wait_ready


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rm", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.jsonl"
    lines = [json.dumps({"prompt": p, "chosen": r, "rejected": r + " ren"}) for p, r in reference_pairs(20)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_export_then_check_then_calibrate(
    checkpoint_of: Callable[[str], Path], reference: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    code, said = run("export", checkpoint_of("qwen2"), out, "--name", "m", "--reference", reference, "--license", "MIT")
    assert code == 0, said
    manifest = read_manifest(out)
    assert (manifest.license, manifest.standardisation.count) == ("MIT", 40)
    assert manifest.revision in said
    code, said = run("check", out)
    assert code == 0, said
    assert said.count("ok ") == 2
    messages = tmp_path / "messages.jsonl"
    rows = [
        {"prompt": [{"role": "user", "content": p}], "response": [{"role": "assistant", "content": r}]}
        for p, r in reference_pairs(20, seed=8)
    ]
    messages.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, said = run("calibrate", out, "--reference", messages)
    assert code == 0, said
    assert read_manifest(out).revision != manifest.revision


def test_a_bad_reference_line_is_named(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "reference.jsonl"
    path.write_text('{"prompt": "p", "response": "r"}\n{"prompt": "p"}\n')
    code, said = run("export", checkpoint_of("qwen2"), tmp_path / "m", "--name", "m", "--reference", path)
    assert code == 2
    assert "reference.jsonl:2" in said.replace("\n", "")


def test_export_errors_name_the_remedy(tmp_path: Path) -> None:
    code, said = run("export", tmp_path, tmp_path / "m", "--name", "m")
    assert code == 2
    assert "config.json does not exist" in said


def test_check_needs_a_kind(model_dir: Path) -> None:
    code, said = run("check", model_dir, "--url", "http://127.0.0.1:1")
    assert code == 2
    assert "KIND=URL" in said


async def test_check_finds_an_engine_with_an_invented_bias(model_dir: Path) -> None:
    import asyncio

    async with FakeEngine.on(model_dir) as engine:
        code, said = await asyncio.to_thread(run, "check", model_dir, "--url", f"sglang={engine.url}")
        assert code == 0, said
        engine.mode = "bias"
        code, said = await asyncio.to_thread(run, "check", model_dir, "--url", f"sglang={engine.url}")
        assert code == 1
        assert "standard deviations off" in said


def test_check_of_our_own_service_and_of_nothing(model_dir: Path) -> None:
    with ServiceProcess("writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(model_dir)}) as service:
        wait_ready(service.url)
        code, said = run("check", model_dir, "--url", f"service={service.url}")
        assert code == 0, said
        assert "behind" in said
    code, said = run("check", model_dir, "--url", f"service={service.url}")
    assert code == 1
    assert "off" in said
