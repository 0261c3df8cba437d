"""Makes what the cluster test needs before it enters its namespaces (which have no network): the model and the images.

python -m tests.cluster.prepare CACHE
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.cluster.images import build_all


def model_directory() -> Path:
    """The story world's reward model, which values-cpu.yaml serves: from the world's cache, else built (three minutes)."""
    if given := os.environ.get("RLMR_CLUSTER_MODEL"):
        return Path(given)
    from trainer.world.build import build_world

    return build_world(seed=0).root / "writing_rm"


def main() -> None:
    cache = Path(sys.argv[1])
    print("==> building images", flush=True)
    archives = build_all(cache, model_directory())
    (cache / "archives.json").write_text(json.dumps({name: str(path) for name, path in archives.items()}, indent=1))


if __name__ == "__main__":
    main()
