"""PLAN.yaml: which runs a study is made of.

    name: story-world
    preset: embedded            # a preset, or the path of one
    set: [steps=60]             # changes for all runs, as --set takes them
    seeds: [0, 1, 2]
    equal: prompts              # or steps, the default
    parts:                      # in the order in which they are made; every seed of a part before the next part
      - name: fronts
        points:
          - {label: rlmr, strength: 0.25, strategy: {name: rlmr, gamma: 0.25}}
          - {label: linear, strength: 1, strategy: {name: linear, weight: 1}}
      - name: scale x 4
        condition: scale-4      # runs are compared inside one condition
        set: [distortion.factor=4]
        points: [...]

Nothing is tuned for a strategy: what a part sets, it sets for all of its points.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake, read_yaml_mapping
from trainer.run.presets import Preset, load_preset


class PlanError(Mistake):
    """A plan that cannot be made; the message names the file, the field and the remedy."""


class Point(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str = Field(min_length=1, description="The curve it belongs to, usually the strategy's name.")
    strength: float | None = Field(
        default=None, description="Its place on the curve (gamma, weight); null = the only one."
    )
    strategy: dict[str, Any] = Field(description="{name, parameters}, as in a preset.")
    set: list[str] = Field(default_factory=list, description="Further changes, e.g. another estimator.")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    condition: str = Field(default="base", pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seeds: list[int] | None = Field(default=None, description="null = the plan's.")
    set: list[str] = Field(default_factory=list)
    points: list[Point] = Field(min_length=1)


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    preset: str = "embedded"
    set: list[str] = Field(default_factory=list)
    seeds: list[int] = Field(min_length=1)
    equal: Literal["steps", "prompts"] = Field(
        default="steps",
        description="What runs have in common. prompts: each draws steps x batch of them, so that one that drops more groups makes "
        "fewer steps. Not part of a run's id.",
    )
    parts: list[Part] = Field(min_length=1)


@dataclass(frozen=True)
class PlannedRun:
    id: str
    """Readable, and ends in a hash of everything that decides the run: a changed plan makes other runs."""
    part: str
    condition: str
    point: Point
    seed: int
    preset: Preset
    max_prompts: int | None = None
    """Prompts that the run draws at most; None = as many as its steps need."""


def read_plan(path: Path) -> Plan:
    """Raises Mistake."""
    try:
        return Plan.model_validate(read_yaml_mapping(path))
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False)[:5])
        raise PlanError(f"{path}: {problems}") from exc


def planned_runs(plan: Plan) -> list[PlannedRun]:
    """In the order in which they are to be made: a part's first seed for all points, then its second, so that a study that is
    stopped early compares like with like. Raises PresetError for a change that no preset takes, PlanError for a doubled run."""
    runs: dict[str, PlannedRun] = {}
    for part in plan.parts:
        for seed in part.seeds or plan.seeds:
            for point in part.points:
                changes = [*plan.set, *part.set, *point.set, f"seed={seed}"]
                preset = load_preset(plan.preset, changes).model_copy(update={"strategy": point.strategy})
                most = preset.steps * preset.batch if plan.equal == "prompts" else None
                run = PlannedRun(_id(part, point, seed, preset), part.name, part.condition, point, seed, preset, most)
                if run.id in runs:
                    raise PlanError(f"part {part.name!r}: the run {run.id} stands twice")
                runs[run.id] = run
    return list(runs.values())


ADDED_LATER = (
    "world_pairs",
    "train_on",
    "filter",
    "price",
    "columns",
    "service_settings",
    "distortion.per_word",
    "distortion.drift",
)
"""Settings that presets did not have when the first runs were made: unset, they leave a run's id as it was."""


def _id(part: Part, point: Point, seed: int, preset: Preset) -> str:
    decides = preset.model_dump(mode="json", exclude={"name", "description"})
    for added in ADDED_LATER:
        part_of, _, name = added.rpartition(".")
        inside = decides[part_of] if part_of else decides
        if inside is not None and inside.get(name) is None:
            inside.pop(name, None)
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
    strength = "" if point.strength is None else f"-{point.strength:g}"
    return f"{part.condition}-{re.sub(r'[^a-z0-9.]+', '-', point.label.lower())}{strength}-seed{seed}-{digest}"
