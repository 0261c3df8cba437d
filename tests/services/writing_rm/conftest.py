"""Tiny reward models made on the spot, one per architecture, shared by the tests of this folder."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from trainer.reward_model.export import export_reward_model
from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint


def reference_pairs(count: int = 40, seed: int = 1) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [(invented_text(rng, rng.randint(3, 12)), invented_text(rng, rng.randint(2, 60))) for _ in range(count)]


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(f"checkpoint-{family}")
            write_random_checkpoint(made[family], family=family)
        return made[family]

    return make


@pytest.fixture(scope="session")
def model_dir_of(
    checkpoint_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            out = tmp_path_factory.mktemp("models") / family
            export_reward_model(checkpoint_of(family), out, name=f"tiny-{family}", reference=reference_pairs())
            made[family] = out
        return made[family]

    return make


@pytest.fixture(scope="session")
def model_dir(model_dir_of: Callable[[str], Path]) -> Path:
    return model_dir_of("qwen2")
