"""A plan is a list of runs that stays the same until something that decides a run changes."""

from pathlib import Path

import pytest

from rlmr.mistake import Mistake
from tests.service_process import ROOT
from trainer.run.presets import PresetError
from trainer.study.plan import planned_runs, read_plan
from trainer.study.runner import missing, path_of

PLAN = """
name: small
preset: embedded
set: [steps=2]
seeds: [0, 1]
parts:
  - name: fronts
    points:
      - {label: rlmr, strength: 1, strategy: {name: rlmr, gamma: 1.0}}
      - {label: linear, strength: 2, strategy: {name: linear, weight: 2.0}}
  - name: scale
    condition: scale-4
    seeds: [0]
    set: [distortion.factor=4]
    points:
      - {label: rlmr, strength: 1, strategy: {name: rlmr, gamma: 1.0}, set: [lr=1e-4]}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def test_seeds_go_round_inside_a_part(plan: Path) -> None:
    runs = planned_runs(read_plan(plan))
    assert [(r.condition, r.point.label, r.seed) for r in runs] == [
        ("base", "rlmr", 0),
        ("base", "linear", 0),
        ("base", "rlmr", 1),
        ("base", "linear", 1),
        ("scale-4", "rlmr", 0),
    ]
    assert (runs[0].preset.steps, runs[0].preset.strategy, runs[0].preset.distortion) == (
        2,
        {"name": "rlmr", "gamma": 1.0},
        None,
    )
    last = runs[-1].preset
    assert last.distortion is not None
    assert (last.distortion.factor, last.lr) == (4.0, 1e-4)


def test_a_runs_id_changes_with_what_decides_it_and_with_nothing_else(plan: Path) -> None:
    before = [r.id for r in planned_runs(read_plan(plan))]
    assert before[0].startswith("base-rlmr-1-seed0-")
    plan.write_text(PLAN.replace("name: small", "name: renamed").replace("name: fronts", "name: first"))
    assert [r.id for r in planned_runs(read_plan(plan))] == before
    assert {r.max_prompts for r in planned_runs(read_plan(plan))} == {None}
    plan.write_text(PLAN.replace("steps=2", "steps=3"))
    assert not set(before) & {r.id for r in planned_runs(read_plan(plan))}


def test_runs_that_are_to_have_equal_prompts_have_a_budget_and_the_same_ids(tmp_path: Path) -> None:
    plan = Path("docs/results/plan.yaml")
    runs = planned_runs(read_plan(plan))
    assert {r.max_prompts for r in runs} == {60 * 16}
    other = tmp_path / "plan.yaml"
    other.write_text(plan.read_text().replace("equal: prompts", "equal: steps"))
    assert [r.id for r in planned_runs(read_plan(other))] == [r.id for r in runs]


def test_a_finished_run_is_not_made_again(plan: Path, tmp_path: Path) -> None:
    runs = planned_runs(read_plan(plan))
    path = path_of(runs[1], tmp_path)
    path.parent.mkdir()
    path.write_text("{}")
    assert [r.id for r in missing(runs, tmp_path)] == [r.id for r in runs if r is not runs[1]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds: [0, 1]", "seeds: []", "seeds"),
        ("label: rlmr", "lable: rlmr", "lable"),
        ("name: small", "name: [", "not YAML"),
        (
            "weight: 2.0}}",
            "weight: 2.0}}\n      - {label: linear, strength: 2, strategy: {name: linear, weight: 2.0}}",
            "stands twice",
        ),
    ],
)
def test_a_mistake_is_named(plan: Path, old: str, new: str, said: str) -> None:
    plan.write_text(PLAN.replace(old, new, 1))
    with pytest.raises(Mistake, match=said):
        planned_runs(read_plan(plan))


def test_runs_of_before_a_setting_existed_keep_their_ids(plan: Path) -> None:
    """Else a study would make them again: 34 of its runs were made before presets could choose prompts."""
    finished = {path.stem for path in (ROOT / "docs" / "results" / "runs").glob("*.json")}
    assert finished
    assert finished <= {run.id for run in planned_runs(read_plan(ROOT / "docs" / "results" / "plan.yaml"))}
    chosen = planned_runs(read_plan(_written(plan, PLAN.replace("set: [steps=2]", "set: [steps=2, world_pairs=600]"))))
    assert chosen[0].id != planned_runs(read_plan(_written(plan, PLAN)))[0].id


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_change_that_no_preset_takes_is_named(plan: Path) -> None:
    plan.write_text(PLAN.replace("steps=2", "stepps=2"))
    with pytest.raises(PresetError, match="stepps"):
        planned_runs(read_plan(plan))


def test_our_own_plan_can_be_read() -> None:
    runs = planned_runs(read_plan(ROOT / "docs/results/plan.yaml"))
    assert len(runs) > 100
    assert len({r.preset.steps for r in runs}) == 1  # the same for all
