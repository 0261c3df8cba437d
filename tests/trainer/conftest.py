"""A small story world, built once per session by the real code: its own tokenizer, policy, train_rm run and export."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from trainer.world.build import World


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> "World":
    pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")
    from trainer.world.build import WorldSettings, build_world

    settings = WorldSettings()
    small = replace(
        settings,
        train_prompts=200,
        eval_prompts=20,
        probe_prompts=20,
        policy=replace(settings.policy, pairs=1500),
        reward=replace(settings.reward, pairs=256, held_out=64),
    )
    cache: Path = tmp_path_factory.mktemp("world")
    return build_world(seed=0, cache=cache, settings=small)
