"""A small world, built for real: pre-training, OpenRLHF's train_rm, export; and the cache that keeps it."""

import json
from pathlib import Path

import pytest

from services.writing_rm.model.manifest import read_manifest
from trainer.data.prompts import read_prompts
from trainer.world import build
from trainer.world.build import World, WorldSettings, build_world, world_path
from trainer.world.policy import PolicySettings
from trainer.world.reward import RewardSettings, RewardTrainingError, train_reward_model

SMALL = WorldSettings(
    train_prompts=64,
    eval_prompts=16,
    probe_prompts=16,
    probe_samples=2,
    policy=PolicySettings(pairs=640, hidden_size=64, intermediate_size=128, heads=2, kv_heads=1),
    reward=RewardSettings(pairs=192, held_out=32),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(seed=3, cache=tmp_path_factory.mktemp("cache"), settings=SMALL)


@pytest.mark.openrlhf
def test_a_world_holds_all_that_a_run_needs(world: World) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert len(read_prompts(world.prompts_train)) == 64
    assert len(read_prompts(world.prompts_eval)) == 16
    model = AutoModelForCausalLM.from_pretrained(str(world.policy))
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert "bfloat16" in str(model.config.dtype)
    assert AutoTokenizer.from_pretrained(str(world.policy)).chat_template
    manifest = read_manifest(world.writing_rm)
    assert manifest.architecture == "Qwen2ForSequenceClassification"
    assert manifest.standardisation.count > 16
    assert 0 <= world.stats["policy"]["compliance"] <= 1
    assert 0 <= world.stats["reward_model"]["held_out_pair_accuracy"] <= 1


@pytest.mark.openrlhf
def test_a_finished_world_is_found_again_and_nothing_else_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_build", lambda *_: pytest.fail("built twice"))
    again = build_world(seed=3, cache=world.root.parent, settings=SMALL)
    assert (again.root, again.stats) == (world.root, world.stats)
    assert [p.name for p in world.root.parent.iterdir()] == [world.root.name]


def test_a_build_that_dies_leaves_no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(work: Path, *_: object) -> None:
        (work / "policy").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_build", die)
    with pytest.raises(KeyboardInterrupt):
        build_world(cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_key_depends_on_seed_and_settings(tmp_path: Path) -> None:
    keys = {world_path(0, tmp_path), world_path(1, tmp_path), world_path(0, tmp_path, SMALL)}
    assert len(keys) == 3
    assert world_path(0, tmp_path) == world_path(0, tmp_path, WorldSettings())


def test_the_cache_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_CACHE", str(tmp_path))
    assert world_path().parent == tmp_path / "world"


@pytest.mark.openrlhf
def test_a_failed_train_rm_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(RewardTrainingError, match=r"train_rm\.log"):
        train_reward_model(tmp_path / "no-policy", [], tmp_path / "work", RewardSettings(), 0, lambda *_: None)


def test_world_json_is_the_mark_of_a_finished_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_build", lambda work, *_: (work / "world.json").write_text(json.dumps({"seed": 0})))
    world = build_world(cache=tmp_path)
    assert world.stats == {"seed": 0}
    assert world.root.is_dir()
