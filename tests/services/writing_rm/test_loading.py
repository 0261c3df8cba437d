"""A load that fails: tried again where that may help, the end of the process where it cannot."""

import shutil
from pathlib import Path

import httpx
import pytest
import torch
from safetensors.torch import load_file, save_file

from services.writing_rm.app import WRONG_MODEL
from services.writing_rm.model.manifest import (
    MANIFEST_FILE,
    ManifestError,
    ModelMissing,
    read_manifest,
    sha256_of,
    write_manifest,
)
from services.writing_rm.model_service import _may_pass
from tests.service_process import ServiceProcess
from tests.services.writing_rm.test_service import sample, wait_ready


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir, tmp_path / "copy"))


def served_from(directory: Path) -> ServiceProcess:
    return ServiceProcess("writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(directory)})


@pytest.mark.parametrize("late", [MANIFEST_FILE, "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_copied_late_is_waited_for(late: str, copy: Path, tmp_path: Path) -> None:
    """Live and silent meanwhile, with the reason on /readyz and on /score."""
    (copy / late).rename(tmp_path / "elsewhere")
    with served_from(copy) as process:
        while process.wait_for_log("model_not_loaded")["next"] != "again in 4 s":
            pass
        assert late in httpx.get(process.url + "/readyz").json()["reasons"][0]
        assert httpx.get(process.url + "/livez").status_code == 200
        refused = httpx.post(process.url + "/score", json={"samples": [sample("ren")]})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        (tmp_path / "elsewhere").rename(copy / late)
        wait_ready(process.url)


def test_a_changed_file_ends_the_process_and_is_named(copy: Path) -> None:
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text().replace("assistant\n", "assistant: "))
    with served_from(copy) as process:
        assert process.wait() == WRONG_MODEL
        assert "chat_template.jinja changed since export" in process.wait_for_log("model_never_served")["reason"]
        assert "model_never_served" in process.raw[-1]  # where `kubectl logs --previous` is read first


def test_a_model_that_does_not_give_its_golden_scores_ends_the_process(copy: Path) -> None:
    """Here: a head bias, as an engine might invent one."""
    weights = copy / "model.safetensors"
    tensors = load_file(weights)
    tensors["score.weight"] *= 1.05
    save_file(tensors, weights, metadata={"format": "pt"})
    manifest = read_manifest(copy)
    write_manifest(copy, manifest.model_copy(update={"files": manifest.files | {weights.name: sha256_of(weights)}}))
    with served_from(copy) as process:
        assert process.wait() == WRONG_MODEL
        assert "standard deviations off" in process.wait_for_log("model_not_loaded")["reason"]


def test_another_tokenizer_ends_the_process_before_an_engine_is_waited_for(copy: Path) -> None:
    """No engine over HTTP could ever pass: its scores would be held against other texts."""
    path = copy / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|im_end|>\n", "<|im_end|>\n\n"))
    manifest = read_manifest(copy)
    write_manifest(copy, manifest.model_copy(update={"files": manifest.files | {path.name: sha256_of(path)}}))
    env = {"RLMR_WRITING_RM_ENGINE": "sglang", "RLMR_WRITING_RM_ENGINE_URLS": "http://127.0.0.1:9"}
    with ServiceProcess("writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(copy), **env}) as process:
        assert process.wait() == WRONG_MODEL
        assert "tokenizer or chat template differs" in process.wait_for_log("model_not_loaded")["reason"]


@pytest.mark.parametrize(
    ("failure", "passes"),
    [
        (OSError(5, "Input/output error"), True),
        (ModelMissing("model.safetensors is missing"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (ManifestError("model.safetensors changed since export"), False),
        (RuntimeError("CUDA error: no CUDA-capable device is detected"), False),
        (ValueError("unknown architecture"), False),
    ],
)
def test_what_is_waited_for(failure: Exception, passes: bool) -> None:
    assert _may_pass(failure) is passes
