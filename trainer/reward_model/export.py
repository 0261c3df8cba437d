"""`rlmr rm export` and `rlmr rm calibrate`: from a train_rm checkpoint to a directory the service serves."""

import json
import math
import shutil
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from services.writing_rm.model.golden_texts import Pair, golden_texts
from services.writing_rm.model.manifest import (
    RewardModelManifest,
    Standardisation,
    TextForm,
    read_manifest,
    sha256_of,
    write_manifest,
)
from services.writing_rm.model.text_form import TextEncoder, text_that_is_cut
from trainer.reward_model.checkpoint import ARCHITECTURES, ExportError, copy_weights, read_config, rewrite_config

# Everything else in the directory (notes, licences) may change without changing a score.
_SCORING_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def export_reward_model(
    checkpoint_dir: str | Path,
    out_dir: str | Path,
    *,
    name: str,
    reference: Sequence[Pair] | None = None,
    data_note: str = "",
    license: str = "",
    max_tokens: int | None = None,
    chat_template: bool | None = None,
    input_template: str | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> RewardModelManifest:
    """Writes `out_dir` from an OpenRLHF train_rm checkpoint and returns its manifest.

    reference: (prompt, response) pairs that stand for what will be scored; mean, std and most golden texts come from them.
        Without it, mean and std are those train_rm measured on its evaluation set, if the checkpoint has them.
    max_tokens: train_rm's --data.max_len; default: the model's max_position_embeddings.
    chat_template: whether train_rm ran with --data.apply_chat_template; default: whether the tokenizer has a template.
    input_template: train_rm's --data.input_template (only without a chat template).
    device: where scores are measured, at float32; one copy of the weights is held at a time.

    Raises ExportError. `out_dir` appears only when everything in it is complete and agrees with transformers.
    """
    checkpoint, out = Path(checkpoint_dir), Path(out_dir)
    config = read_config(checkpoint)
    if out.exists() and not overwrite:
        raise ExportError(f"{out} exists: remove it, choose another directory, or pass overwrite (--overwrite)")
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        tokenizer = _copy_tokenizer(checkpoint, work, config)
        new_config = rewrite_config(config, pad_token_id=tokenizer.pad_token_id)
        (work / "config.json").write_text(json.dumps(new_config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        copy_weights(checkpoint, work, config)
        form = TextForm(
            chat_template=bool(tokenizer.chat_template) if chat_template is None else chat_template,
            input_template=input_template,
            eos_token=tokenizer.eos_token,
        )
        if (cut := text_that_is_cut(TextEncoder(tokenizer, form))) is not None:
            raise ExportError(
                f"{checkpoint}: the chat template (chat_template.jinja or tokenizer_config.json) cuts text away, so that a score "
                f"would not be of the whole text: {cut}. Train with a template that renders `content` as it is, or without one"
            )
        described: dict[str, Any] = {
            "name": name,
            "architecture": ARCHITECTURES[config["model_type"]],
            "max_tokens": min(max_tokens or math.inf, config["max_position_embeddings"]),
            "text_form": form,
            "license": license,
            "data_note": data_note,
            "made_with": {p: v for p in ("rlmr", "openrlhf", "torch", "transformers") if (v := _version(p))},
            "files": {path.name: sha256_of(path) for path in _scoring_files(work)},
        }
        manifest = _measured(
            work, described, reference, _openrlhf_constants(config), source="reference set at export", device=device
        )
        shutil.rmtree(out, ignore_errors=True)
        work.rename(out)
        return manifest
    finally:
        shutil.rmtree(work, ignore_errors=True)


def calibrate(
    directory: str | Path, reference: Sequence[Pair], *, source: str, device: str = "cpu"
) -> RewardModelManifest:
    """Measures mean, std and golden texts again on `reference` and stores them: a new revision of the same weights."""
    manifest = read_manifest(Path(directory))
    described = {name: getattr(manifest, name) for name in type(manifest).model_fields}
    return _measured(Path(directory), described, reference, None, source=source, device=device)


def _measured(
    directory: Path,
    described: dict[str, Any],
    reference: Sequence[Pair] | None,
    fallback: Standardisation | None,
    *,
    source: str,
    device: str,
) -> RewardModelManifest:
    """Scores the reference set with the packed engine and the golden texts with transformers alone; they must agree.

    described: the manifest's fields; standardisation, golden and revision are replaced.
    """
    from transformers import AutoModelForSequenceClassification

    max_tokens: int = described["max_tokens"]
    encoder = TextEncoder.from_directory(directory, described["text_form"])
    reference = list(reference or [])
    ids = [encoder.encode(*pair) for pair in reference]
    for pair_ids, (_, response) in zip(ids, reference, strict=True):
        if len(pair_ids) > max_tokens:
            raise ExportError(
                f"reference: a text of {len(pair_ids)} tokens ({response[:40]!r}...) exceeds max_tokens {max_tokens}"
            )
    raws = _packed_scores(directory, device, ids)
    if reference:
        standardisation = _constants(raws, source)
    elif fallback is not None:
        standardisation = fallback
    else:
        raise ExportError(
            "no reference texts, and the checkpoint has no usable mean and std: give some with reference (--reference)"
        )
    model = AutoModelForSequenceClassification.from_pretrained(str(directory), dtype="float32").to(device).eval()
    golden = golden_texts(model, encoder, max_tokens, reference, raws)
    del model
    if not golden:
        raise ExportError(f"no golden text fits max_tokens {max_tokens}: give shorter reference texts")
    for text, again in zip(
        golden,
        _packed_scores(directory, device, [encoder.encode(g.prompt, g.response) for g in golden]),
        strict=True,
    ):
        if not abs(text.raw - again) <= 1e-3 * standardisation.std:
            raise ExportError(
                f"golden text {text.id!r}: transformers gives {text.raw}, our engine {again}: this base model is not supported"
            )
    measured = {"standardisation": standardisation, "golden": golden, "revision": ""}
    return write_manifest(directory, RewardModelManifest(**(described | measured)))


def _packed_scores(directory: Path, device: str, texts: Sequence[Sequence[int]]) -> list[float]:
    """By the in-process engine, which is loaded for this call only: at 7B a float32 copy takes 28 GB, and transformers needs another."""
    from services.writing_rm.engines.torch_engine import TorchModel

    if not texts:
        return []
    model = TorchModel.load(directory, dtype="float32", device=device, max_batch_tokens=4096)
    return list(model.score_all([list(ids) for ids in texts]))


def _constants(raws: Sequence[float], source: str) -> Standardisation:
    if len(raws) < 2 or not all(map(math.isfinite, raws)):
        raise ExportError("the reference set must hold at least two texts, all with finite scores")
    std = statistics.stdev(raws)
    if std < 1e-6:
        raise ExportError(f"all reference texts score alike (std {std:.2g}): the model does not tell them apart")
    return Standardisation(mean=statistics.fmean(raws), std=std, count=len(raws), source=source)


def _openrlhf_constants(config: dict[str, Any]) -> Standardisation | None:
    """What train_rm measured on its evaluation set and left in config.json."""
    mean, std = config.get("mean"), config.get("std")
    if mean is None or std is None or not math.isfinite(mean) or not math.isfinite(std) or std <= 1e-6:
        return None
    return Standardisation(
        mean=mean, std=std, count=0, source="train_rm's evaluation set (no reference given at export)"
    )


def _copy_tokenizer(checkpoint: Path, out: Path, config: dict[str, Any]) -> Any:
    """Saves the tokenizer with a padding token that is not EOS.

    transformers' classifiers read the scalar at the last token that is not padding: with pad = eos, the usual default of base
    models, they would read the token before the end.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint))
    if not tokenizer.is_fast:
        raise ExportError(f"{checkpoint}: the tokenizer has no tokenizer.json (fast tokenizer)")
    if tokenizer.eos_token is None:
        raise ExportError(f"{checkpoint}: the tokenizer has no EOS token, at which the score is read")
    if tokenizer.pad_token is None or tokenizer.pad_token == tokenizer.eos_token:
        used = (tokenizer.eos_token, tokenizer.bos_token, tokenizer.unk_token)
        specials = [t.content for t in tokenizer.added_tokens_decoder.values() if t.special]
        spare = [t for t in specials if t not in used and t not in (tokenizer.chat_template or "")]
        if not spare:
            raise ExportError(
                f"{checkpoint}: padding is the EOS token and no other special token is free: set pad_token in "
                "tokenizer_config.json to a token that texts do not use"
            )
        tokenizer.pad_token = spare[0]
    largest = max(tokenizer.get_vocab().values())
    if largest >= config["vocab_size"]:
        # sglang's whole server dies of one such id.
        raise ExportError(
            f"{checkpoint}: token id {largest} is outside the model's vocabulary of {config['vocab_size']}"
        )
    tokenizer.save_pretrained(str(out))
    return tokenizer


def _scoring_files(directory: Path) -> list[Path]:
    listed = [directory / name for name in _SCORING_FILES if (directory / name).is_file()]
    return sorted([*listed, *directory.glob("*.safetensors"), *directory.glob("*.safetensors.index.json")])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
