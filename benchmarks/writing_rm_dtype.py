"""`make bench-writing-rm-dtype`: what bfloat16 does to a reward, against float32, in standard deviations of the reference set.

Two numbers per dtype: the error against float32, and how far the score of one text moves with its batch (24 texts, alone and
in 12 random batches). A model directory may be given; without one, random weights are used.

    python -m benchmarks.writing_rm_dtype [MODEL_DIR]
"""

import json
import random
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.writing_rm import ROOT, SHAPES, cpu_name
from services.writing_rm.engines.base import Text
from services.writing_rm.engines.torch_engine import TorchModel
from services.writing_rm.model.manifest import read_manifest
from services.writing_rm.model.text_form import TextEncoder
from trainer.reward_model.export import export_reward_model
from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint

RESULTS = Path(__file__).parent / "results" / "writing_rm_dtype.json"


def random_model(folder: Path) -> Path:
    write_random_checkpoint(folder / "checkpoint", vocabulary=2048, shape=SHAPES["story-world"])
    rng = random.Random(0)
    pairs = [(invented_text(rng, 8), invented_text(rng, rng.randint(3, 120))) for _ in range(64)]
    export_reward_model(folder / "checkpoint", folder / "model", name="random", reference=pairs)
    return folder / "model"


def measure(directory: Path) -> dict[str, dict[str, float]]:
    manifest = read_manifest(directory)
    encoder = TextEncoder.from_directory(directory, manifest.text_form)
    pairs = [(g.prompt, g.response) for g in manifest.golden]
    rng = random.Random(1)
    if len(pairs) < 24:
        pairs += [(invented_text(rng, 8), invented_text(rng, rng.randint(3, 120))) for _ in range(24 - len(pairs))]
    ids = [tuple(encoder.encode(*pair)) for pair in pairs]
    texts = [Text(text, number) for number, text in enumerate(ids) if len(text) <= manifest.max_tokens]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found: dict[str, dict[str, float]] = {}
    exact: list[float] = []
    for dtype in ("float32", "bfloat16"):
        model = TorchModel.load(directory, dtype=dtype, device=device, max_batch_tokens=8192)
        alone = [model.score([text])[0] for text in texts]
        exact = exact or alone
        moved = [0.0] * len(texts)
        for _ in range(12):
            order = rng.sample(range(len(texts)), len(texts))
            cut = rng.randrange(1, len(texts))
            for part in (order[:cut], order[cut:]):
                for index, raw in zip(part, model.score([texts[i] for i in part]), strict=True):
                    moved[index] = max(moved[index], abs(raw - alone[index]))
        std = manifest.standardisation.std
        errors = [abs(a - b) / std for a, b in zip(alone, exact, strict=True)]
        found[dtype] = {
            "median_error": statistics.median(errors),
            "largest_error": max(errors),
            "moves_with_batch": max(moved) / std,
        }
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(sys.argv[1]) if len(sys.argv) > 1 else random_model(Path(folder))
        found = measure(directory)
        name = read_manifest(directory).name
    print(
        f"{'dtype':<12}{'median error':>14}{'largest error':>15}{'moves with batch':>18}   (standard deviations, {name})"
    )
    for dtype, row in found.items():
        print(f"{dtype:<12}{row['median_error']:>14.2g}{row['largest_error']:>15.2g}{row['moves_with_batch']:>18.2g}")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()
    body = {"model": name, "machine": device, "versions": {"torch": version("torch")}, "dtypes": found}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(body, indent=1) + "\n")
    print(f"==> {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
