"""Makes what the cluster test needs before it enters its namespaces (which have no network): the model and the images.

python -m tests.cluster.prepare CACHE
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from tests.cluster.images import build_all


def model_directory(cache: Path) -> Path:
    """A small reward model made on the spot, in the format that every engine loads; kept in the cache."""
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.random_checkpoint import write_random_checkpoint

    target = cache / "model"
    if not target.exists():
        scratch = cache / "checkpoint"
        shutil.rmtree(scratch, ignore_errors=True)
        write_random_checkpoint(scratch)
        pairs = [(f"prompt {i}", f"response {i} " * (i % 9 + 1)) for i in range(40)]
        export_reward_model(scratch, cache / "model.part", name="story-world", reference=pairs)
        (cache / "model.part").rename(target)
        shutil.rmtree(scratch)
    return target


def main() -> None:
    cache = Path(sys.argv[1])
    print("==> building images", flush=True)
    archives = build_all(cache, model_directory(cache))
    (cache / "archives.json").write_text(json.dumps({name: str(path) for name, path in archives.items()}, indent=1))


if __name__ == "__main__":
    main()
