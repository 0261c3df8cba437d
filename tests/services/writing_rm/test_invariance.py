"""A score is a function of the text: not of its batch, bucket, order, padding side, concurrency or the cache."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from prometheus_client import CollectorRegistry
from transformers import AutoModelForSequenceClassification

from services.writing_rm.batching import Scheduler
from services.writing_rm.cache import ScoreCache
from services.writing_rm.engines.base import Text
from services.writing_rm.engines.torch_engine import TorchEngine, TorchModel
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.manifest import RewardModelManifest, read_manifest

FAMILIES = ["qwen2", "qwen3", "llama", "mistral", "gemma"]


def texts_with_siblings(seed: int = 3) -> list[Text]:
    """Groups of eight that share a prompt, and loners; 2 to 500 tokens; pad and EOS ids occur inside texts."""
    rng = random.Random(seed)
    texts = []
    for number in range(3):
        prompt = [rng.randrange(500) for _ in range(rng.choice([3, 40, 200]))]
        for _ in range(8):
            tail = [rng.randrange(500) for _ in range(rng.choice([1, 5, 60, 250]))]
            texts.append(Text((*prompt, *tail, 2), f"group {number}"))
    texts += [Text((*(rng.randrange(500) for _ in range(n)), 2), f"alone {n}") for n in (1, 30, 200, 499)]
    texts.append(Text((5, 0, 0, 2), "ends like padding"))
    return texts


def alone(directory: Path, texts: Sequence[Text]) -> list[float]:
    """transformers' own forward, its own attention, one text at a time; the head at the last token."""
    model = AutoModelForSequenceClassification.from_pretrained(str(directory), dtype="float32").eval()
    with torch.inference_mode():
        return [float(model.score(model.model(torch.tensor([t.ids])).last_hidden_state[0, -1])) for t in texts]


def close(
    found: Sequence[float], expected: Sequence[float], manifest: RewardModelManifest, bound: float = 1e-4
) -> None:
    worst = max(abs(a - b) for a, b in zip(found, expected, strict=True)) / manifest.standardisation.std
    assert worst <= bound, f"{worst:.3g} standard deviations"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("share", [True, False])
def test_packed_batches_give_the_score_of_each_text_alone(
    family: str, share: bool, model_dir_of: Callable[[str], Path]
) -> None:
    directory = model_dir_of(family)
    manifest, texts = read_manifest(directory), texts_with_siblings()
    expected = alone(directory, texts)
    model = TorchModel.load(directory, dtype="float32", device="cpu", max_batch_tokens=4096, share_prefixes=share)
    close(model.score(texts), expected, manifest)
    for seed in range(4):
        order = random.Random(seed).sample(range(len(texts)), len(texts))
        cut = random.Random(seed).randrange(1, len(texts))
        found = model.score([texts[i] for i in order[:cut]]) + model.score([texts[i] for i in order[cut:]])
        close(found, [expected[i] for i in order], manifest)
    close([model.score([text])[0] for text in texts], expected, manifest)


@pytest.mark.parametrize("largest", [60 * 100, 0])  # 0: as on CUDA
def test_long_tails_whose_mask_would_be_too_large_score_the_same(
    largest: int, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = texts_with_siblings()
    monkeypatch.setattr("services.writing_rm.engines.packed_forward.LARGEST_MASK", {"cpu": largest})
    model = TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)
    close(model.score(texts), alone(model_dir, texts), read_manifest(model_dir))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_transformers_batches_agree_whatever_the_side(side: str, model_dir: Path) -> None:
    manifest = read_manifest(model_dir)
    texts = [
        t for t in texts_with_siblings() if 0 not in t.ids
    ]  # transformers takes an inner padding token for padding
    model = AutoModelForSequenceClassification.from_pretrained(str(model_dir), dtype="float32").eval()
    longest = max(len(t.ids) for t in texts)
    rows, masks = [], []
    for text in texts:
        padding, ones = [0] * (longest - len(text.ids)), [1] * len(text.ids)
        rows.append([*padding, *text.ids] if side == "left" else [*text.ids, *padding])
        masks.append([*padding, *ones] if side == "left" else [*ones, *padding])
    mask = torch.tensor(masks)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        logits = model(torch.tensor(rows), attention_mask=mask, position_ids=positions).logits[:, 0].tolist()
    packed = TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)
    close(packed.score(texts), logits, manifest)


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
async def test_any_concurrency_and_cache_state_gives_the_same_scores(cache_bytes: int, model_dir: Path) -> None:
    manifest, texts = read_manifest(model_dir), texts_with_siblings()
    expected = alone(model_dir, texts)
    engine = TorchEngine(model_dir, dtype="float32", device="cpu", threads=1, max_batch_tokens=700)
    await engine.start()
    metrics = WritingRmMetrics.create(CollectorRegistry())
    scheduler = Scheduler(engine, ScoreCache(cache_bytes, "r"), metrics, 10**6)
    scheduler.start()
    try:
        for callers in (1, 5, len(texts)):
            rng = random.Random(callers)
            order = rng.sample(range(len(texts)), len(texts))
            shares = [order[i::callers] for i in range(callers)]
            answers = await asyncio.gather(*(scheduler.score([texts[i] for i in share], 100) for share in shares))
            for share, answer in zip(shares, answers, strict=True):
                close([float(a) for a in answer if isinstance(a, float)], [expected[i] for i in share], manifest)
    finally:
        await scheduler.stop()
        await engine.stop()


@pytest.mark.parametrize("family", FAMILIES)
def test_openrlhf_gives_the_same_scores(
    family: str, model_dir_of: Callable[[str], Path], checkpoint_of: Callable[[str], Path]
) -> None:
    """OpenRLHF's own RewardModel on the checkpoint, left-padded as in training, against the exported directory here."""
    pytest.importorskip("openrlhf")
    from trainer.grpo.cpu_runtime import cuda_shims, deepspeed_cpu

    if not torch.cuda.is_available():
        cuda_shims.install()
        deepspeed_cpu.install()
    from openrlhf.models import get_llm_for_sequence_regression
    from openrlhf.utils.utils import zero_pad_sequences

    theirs: Any = get_llm_for_sequence_regression(
        str(checkpoint_of(family)), "reward", attn_implementation="eager", param_dtype="bf16"
    )
    theirs = theirs.float().eval()
    texts = texts_with_siblings()
    ids = zero_pad_sequences([torch.tensor([t.ids]) for t in texts], side="left", value=0).squeeze(1)
    mask = zero_pad_sequences([torch.ones(1, len(t.ids), dtype=torch.long) for t in texts], side="left").squeeze(1)
    with torch.inference_mode():
        expected = theirs(ids, mask).tolist()
    directory = model_dir_of(family)
    ours = TorchModel.load(directory, dtype="float32", device="cpu", max_batch_tokens=4096)
    close(ours.score(texts), expected, read_manifest(directory), bound=1e-3)
