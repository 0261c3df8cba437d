"""What a preset names: the policy, the reward model for local services, the prompts, and the world behind them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.data.columns import Columns, read_table
from trainer.data.prompts import read_prompts
from trainer.run.presets import Preset, PresetError


@dataclass(frozen=True)
class Material:
    """What a run works on: a policy, a reward model for local services, prompts."""

    model: Path | str
    writing_rm: Path | None
    prompts: list[dict[str, Any]]
    eval_prompts: list[dict[str, Any]]
    in_world: bool


def load_material(preset: Preset, console: Console) -> Material:
    in_world = "world" in (preset.model, preset.prompts, preset.eval_prompts)
    # Before the world is built, which takes minutes the first time: a name may be wrong.
    files = {name: _rows(name, preset) for name in (preset.prompts, preset.eval_prompts) if name and name != "world"}
    world = None
    if in_world:
        from trainer.world.build import WorldSettings, build_world

        settings = WorldSettings()
        if preset.world_pairs is not None:
            settings = replace(settings, reward=replace(settings.reward, pairs=preset.world_pairs))
        world = build_world(seed=preset.seed, console=console, settings=settings)

    def rows(name: str | None, of_world: str) -> list[dict[str, Any]]:
        return read_prompts(getattr(world, of_world)) if name == "world" else files.get(name or "", [])

    return Material(
        model=world.policy if world and preset.model == "world" else preset.model,
        writing_rm=world.writing_rm if world else None,
        prompts=rows(preset.prompts, "prompts_train"),
        eval_prompts=rows(preset.eval_prompts, "prompts_eval"),
        in_world=in_world,
    )


def _rows(name: str, preset: Preset) -> list[dict[str, Any]]:
    if preset.columns is not None or not name.endswith(".jsonl"):
        return read_table(name, preset.columns or Columns())
    return read_prompts(Path(name))


def chosen_prompts(preset: Preset, material: Material) -> list[dict[str, Any]]:
    choice = preset.train_on
    if choice is None:
        return material.prompts
    rows = [row for row in material.prompts if choice.takes(row["constraints"])]
    if not rows:
        raise PresetError("train_on takes none of the prompts: allow more constraints, or leave fewer ids out")
    return rows


def writing_rm_of(preset: Preset, material: Material) -> Path:
    folder = Path(preset.writing_rm_dir) if preset.writing_rm_dir else material.writing_rm
    if folder is None:
        raise PresetError(
            "services: local needs a reward model: --set writing_rm_dir=FOLDER (written by `rlmr rm export`)"
        )
    return folder


def quality_of(material: Material) -> Any:
    if not material.in_world:
        return None
    from trainer.world.quality import world_quality

    return world_quality
