"""`rlmr rm export`: what it writes, what it refuses, and that the numbers are the checkpoint's."""

import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from services.writing_rm.model.manifest import MANIFEST_FILE, ManifestError, read_manifest, verify_files
from services.writing_rm.model.text_form import TextEncoder
from tests.services.writing_rm.conftest import reference_pairs
from trainer.reward_model.checkpoint import ExportError, read_config
from trainer.reward_model.export import calibrate, export_reward_model


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama", "mistral", "gemma"])
def test_exported_directory_loads_as_a_classifier_and_gives_the_golden_scores(
    family: str, model_dir_of: Callable[[str], Path]
) -> None:
    directory = model_dir_of(family)
    manifest = read_manifest(directory)
    encoder = TextEncoder.from_directory(directory, manifest.text_form)
    model = AutoModelForSequenceClassification.from_pretrained(str(directory), dtype="float32").eval()
    assert model.config.num_labels == 1
    for golden in manifest.golden:
        ids = encoder.encode(golden.prompt, golden.response)
        with torch.inference_mode():
            raw = float(model(torch.tensor([ids])).logits[0, 0])
        assert raw == pytest.approx(golden.raw, abs=1e-4 * manifest.standardisation.std)
        assert len(ids) == golden.tokens


def test_config_is_rewritten_for_transformers_sglang_and_vllm(model_dir: Path, checkpoint_of: Callable) -> None:
    before = json.loads((checkpoint_of("qwen2") / "config.json").read_text())
    after = json.loads((model_dir / "config.json").read_text())
    assert before["architectures"] == ["RewardModel"]
    assert after["architectures"] == ["Qwen2ForSequenceClassification"]
    assert (after["num_labels"], after["id2label"], after["label2id"]) == (1, {"0": "score"}, {"score": 0})
    assert after["pad_token_id"] != after["eos_token_id"]
    assert not {"mean", "std", "normalize_reward"} & after.keys()


@pytest.mark.parametrize(("family", "bias"), [("qwen2", True), ("qwen3", True), ("llama", False)])
def test_zero_bias_only_where_an_engine_would_invent_one(
    family: str, bias: bool, model_dir_of: Callable[[str], Path], checkpoint_of: Callable[[str], Path]
) -> None:
    tensors = load_file(model_dir_of(family) / "model.safetensors")
    original = load_file(checkpoint_of(family) / "model.safetensors")
    assert ("score.bias" in tensors) is bias
    if bias:
        assert tensors.pop("score.bias").tolist() == [0.0]
    assert tensors.keys() == original.keys()
    assert all(torch.equal(tensors[k], original[k]) for k in original)


def test_constants_come_from_the_reference_set(model_dir: Path) -> None:
    manifest = read_manifest(model_dir)
    encoder = TextEncoder.from_directory(model_dir, manifest.text_form)
    model = AutoModelForSequenceClassification.from_pretrained(str(model_dir), dtype="float32").eval()
    with torch.inference_mode():
        raws = [float(model(torch.tensor([encoder.encode(p, r)])).logits[0, 0]) for p, r in reference_pairs()]
    assert manifest.standardisation.count == len(raws)
    assert manifest.standardisation.mean == pytest.approx(statistics.fmean(raws), abs=1e-4)
    assert manifest.standardisation.std == pytest.approx(statistics.stdev(raws), rel=1e-3)


def test_golden_texts_span_the_scores_and_include_special_token_text(model_dir: Path) -> None:
    manifest = read_manifest(model_dir)
    scores = [manifest.standardise(g.raw) for g in manifest.golden if g.id.startswith("reference")]
    assert len(scores) == 8
    assert max(scores) - min(scores) > 2
    assert any("<|im_end|>" in g.response for g in manifest.golden)


def test_head_under_another_name_and_in_shards(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    source = checkpoint_of("qwen2")
    odd = tmp_path / "odd"
    shutil.copytree(source, odd)
    tensors = load_file(odd / "model.safetensors")
    (odd / "model.safetensors").unlink()
    head = tensors.pop("score.weight")
    save_file(tensors, odd / "model-00001-of-00002.safetensors", metadata={"format": "pt"})
    save_file({"value_head.weight": head}, odd / "model-00002-of-00002.safetensors", metadata={"format": "pt"})
    shard_of = dict.fromkeys(tensors, "model-00001-of-00002.safetensors")
    shard_of["value_head.weight"] = "model-00002-of-00002.safetensors"
    index = {"metadata": {}, "weight_map": shard_of}
    (odd / "model.safetensors.index.json").write_text(json.dumps(index))
    config = json.loads((odd / "config.json").read_text())
    (odd / "config.json").write_text(json.dumps(config | {"value_head_prefix": "value_head"}))
    plain = export_reward_model(source, tmp_path / "a", name="m", reference=reference_pairs())
    sharded = export_reward_model(odd, tmp_path / "b", name="m", reference=reference_pairs())
    assert [g.raw for g in sharded.golden] == pytest.approx([g.raw for g in plain.golden], abs=1e-6)


def test_without_reference_the_checkpoint_constants_are_used(checkpoint_of: Callable, tmp_path: Path) -> None:
    manifest = export_reward_model(checkpoint_of("qwen2"), tmp_path / "m", name="m")
    assert (manifest.standardisation.mean, manifest.standardisation.std) == (0.0, 1.0)
    assert manifest.golden


def test_padding_that_equals_eos_is_replaced(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Else transformers reads the scalar one token too early."""
    source = tmp_path / "source"
    shutil.copytree(checkpoint_of("llama"), source)
    path = source / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token": "<|im_end|>"}))
    manifest = export_reward_model(source, tmp_path / "m", name="m", reference=reference_pairs())
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["pad_token_id"] != config["eos_token_id"]
    reference = export_reward_model(checkpoint_of("llama"), tmp_path / "n", name="m", reference=reference_pairs())
    assert [g.raw for g in manifest.golden] == pytest.approx([g.raw for g in reference.golden], abs=1e-6)


def test_a_window_without_a_switch_is_refused(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Mistral 7B v0.1 slides; v0.2 and later have no window."""
    source = tmp_path / "source"
    shutil.copytree(checkpoint_of("mistral"), source)
    config = json.loads((source / "config.json").read_text())
    for window, refused in ((64, True), (None, False), (config["max_position_embeddings"], False)):
        (source / "config.json").write_text(json.dumps(config | {"sliding_window": window}))
        if refused:
            with pytest.raises(ExportError, match="sliding_window to null"):
                read_config(source)
        else:
            read_config(source)


def test_same_checkpoint_same_revision_and_other_constants_another(
    checkpoint_of: Callable[[str], Path], tmp_path: Path
) -> None:
    first = export_reward_model(checkpoint_of("qwen2"), tmp_path / "a", name="m", reference=reference_pairs())
    second = export_reward_model(checkpoint_of("qwen2"), tmp_path / "b", name="m", reference=reference_pairs())
    assert first.revision == second.revision
    moved = calibrate(tmp_path / "b", reference_pairs(seed=9), source="another set")
    assert moved.revision != first.revision
    assert read_manifest(tmp_path / "b").standardisation.source == "another set"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["Qwen2ForCausalLM"]}, "train one with openrlhf.cli.train_rm"),
        ({"model_type": "gpt2"}, "model_type 'gpt2' is not supported"),
        ({"value_head_prefix": "critic"}, "no tensor 'critic.weight'"),
        ({"use_sliding_window": True, "sliding_window": 64}, "sliding-window attention is not supported"),
    ],
)
def test_a_checkpoint_that_cannot_work_is_refused_with_the_reason(
    change: dict, message: str, checkpoint_of: Callable[[str], Path], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkpoint_of("qwen2"), source)
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ExportError, match=message):
        export_reward_model(source, tmp_path / "out", name="m", reference=reference_pairs())
    assert list(tmp_path.iterdir()) == [source]


def test_a_diverged_head_is_refused(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkpoint_of("qwen2"), source)
    tensors = load_file(source / "model.safetensors")
    tensors["score.weight"][0, 0] = float("nan")
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ExportError, match="NaN or infinity"):
        export_reward_model(source, tmp_path / "out", name="m", reference=reference_pairs())


def test_a_template_that_cuts_text_away_is_refused(checkpoint_of: Callable[[str], Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkpoint_of("qwen2"), source)
    template = source / "chat_template.jinja"
    template.write_text(template.read_text().replace("m['content']", "m['content'].split('</think>')[-1]"))
    with pytest.raises(
        ExportError, match=r"chat_template.jinja.* cuts text away.*</think>.*renders `content` as it is"
    ):
        export_reward_model(source, tmp_path / "out", name="m", reference=reference_pairs())
    assert list(tmp_path.iterdir()) == [source]


def test_an_existing_directory_is_kept_unless_told_otherwise(checkpoint_of: Callable, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(ExportError, match="--overwrite"):
        export_reward_model(checkpoint_of("qwen2"), tmp_path / "m", name="m", reference=reference_pairs())
    export_reward_model(checkpoint_of("qwen2"), tmp_path / "m", name="m", reference=reference_pairs(), overwrite=True)
    assert (tmp_path / "m" / MANIFEST_FILE).is_file()


def test_tampering_is_noticed(model_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model_dir, copy)
    manifest = read_manifest(copy)
    verify_files(copy, manifest)
    tensors = load_file(copy / "model.safetensors")
    tensors["score.bias"] += 1
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ManifestError, match=r"model.safetensors changed since export"):
        verify_files(copy, manifest)
    verify_files(copy, manifest, weights=False)
    body = json.loads((copy / MANIFEST_FILE).read_text())
    body["standardisation"]["mean"] += 1
    (copy / MANIFEST_FILE).write_text(json.dumps(body))
    with pytest.raises(ManifestError, match="edited"):
        read_manifest(copy)
