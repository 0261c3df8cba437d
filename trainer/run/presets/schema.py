"""The schema of a preset, and how --set changes it."""

import contextlib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_serializer, model_validator

from rlmr.mistake import Mistake, read_yaml_mapping
from rlmr.wire import FilterSpec
from trainer.data.columns import Columns
from trainer.grpo.lagrange import DualRule
from trainer.grpo.thresholds import Percentile
from trainer.run.distortion import Distortion

FOLDER = Path(__file__).parent


class PresetError(Mistake):
    """A preset or --set that cannot be used; the message names the key and the remedy."""


class EvalSettings(BaseModel):
    """Held-out evaluation, before and after training."""

    model_config = ConfigDict(extra="forbid")
    prompts: int = Field(default=200, ge=0, description="Held-out prompts; 0 = no evaluation.")
    samples: int = Field(default=1, ge=1, description="Samples a prompt.")
    temperature: float = Field(default=1.0, ge=0, description="0 = greedy.")
    engine: Literal["transformers", "vllm"] = Field(default="transformers", description="What generates the samples.")


class TrainOn(BaseModel):
    """Which of the prompts are trained on; evaluation takes all, and tells apart what training never saw."""

    model_config = ConfigDict(extra="forbid")
    without: list[str] = Field(default_factory=list, description="Constraint ids: no prompt that has one of them.")
    at_least: int | None = Field(default=None, ge=1, description="Fewest constraints of a prompt; null = any number.")
    at_most: int | None = Field(default=None, ge=0, description="Most constraints of a prompt; null = any number.")

    def takes(self, constraints: list[dict[str, Any]] | None) -> bool:
        """A prompt whose constraints are read out by the judge (null) counts as one without constraints."""
        given = constraints or []
        few = self.at_most is None or len(given) <= self.at_most
        many = self.at_least is None or len(given) >= self.at_least
        return few and many and not any(constraint["type"] in self.without for constraint in given)


class RunFilter(FilterSpec):
    """A filter whose thresholds may follow the run."""

    all_high: FiniteFloat | Percentile | None = Field(  # type: ignore[assignment]
        default=None, description="A number, {percentile: 90}, or null = off."
    )
    all_low: FiniteFloat | Percentile | None = Field(  # type: ignore[assignment]
        default=None, description="A number, {percentile: 10}, or null = off."
    )

    @model_validator(mode="after")
    def _both_are_told(self) -> "RunFilter":
        """A percentile beside a threshold that only the service knows could end up on its wrong side, in the middle of the run."""
        high, low = self.all_high, self.all_low
        for name, other in (("all_high", "all_low"), ("all_low", "all_high")):
            if isinstance(getattr(self, name), Percentile) and other not in self.model_fields_set:
                raise ValueError(f"{name} is a percentile: give {other} too (null = off)")
        if isinstance(high, Percentile) and isinstance(low, Percentile) and low.percentile > high.percentile:
            raise ValueError(
                f"all_low is the percentile {low.percentile:g}, above all_high's {high.percentile:g}: all would be dropped"
            )
        return self

    def percentiles(self) -> dict[str, Percentile]:
        both = {"all_high": self.all_high, "all_low": self.all_low}
        return {name: value for name, value in both.items() if isinstance(value, Percentile)}


class Preset(BaseModel):
    """One training run. What is not listed here goes to OpenRLHF through `openrlhf`, flag by flag."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="Name of the preset; runs are called <name>-<strategy>-seed<seed>.")
    description: str = ""
    model: str = Field(description="`world`, a folder, or a hub id.")
    prompts: str | None = Field(description="`world`, a JSONL file of {input, label}, or a table (see columns).")
    eval_prompts: str | None = Field(default=None, description="`world` or a JSONL file; null = no evaluation.")
    columns: Columns | None = Field(
        default=None,
        description="Of prompts and eval_prompts that are a table (.parquet, a dataset's name, or JSONL of another form).",
    )
    services: Literal["local", "external"] = Field(description="local = start the three services for this run.")
    reward_url: str | None = Field(
        default=None, description="Base address of the aggregator when services are external."
    )
    writing_rm_dir: str | None = Field(
        default=None, description="Reward model folder for local services; null = the world's."
    )
    service_settings: dict[str, str] | None = Field(
        default=None,
        description="Local services only: their environment variables (RLMR_AGGREGATOR_..., RLMR_VERIFIER_..., RLMR_WRITING_RM_...).",
    )
    distortion: Distortion | None = Field(
        default=None, description="Local services only: a reward model with a wrong scale, for studies."
    )
    world_pairs: int | None = Field(
        default=None,
        gt=0,
        description="Preference pairs that the world's reward model learns from, for studies; null = the world's own number.",
    )
    train_on: TrainOn | None = Field(default=None, description="A choice of the prompts, for studies; null = all.")
    strategy: dict[str, Any] = Field(description="Mixing strategy: {name, parameters}.")
    price: DualRule | None = Field(
        default=None,
        description="Moves the strategy's price of a violation until the violation rate is `target` (trainer/grpo/lagrange.py); null = fixed.",
    )
    filter: RunFilter | None = Field(
        default=None,
        description="What to change of the aggregator's filter: all_high and all_low (null = off, or {percentile: 90} of the run's own "
        "writing rewards so far), drop_all_violate, min_valid, min_valid_share.",
    )
    seed: int = Field(default=0, ge=0)
    steps: int = Field(gt=0, description="Training steps, exactly; a dropped group is replaced by another prompt's.")
    batch: int = Field(gt=0, description="Prompts a step.")
    n: int = Field(ge=2, description="Samples a prompt: the group.")
    updates: int = Field(default=1, ge=1, description="Optimizer updates a step; has to divide batch x n samples.")
    lr: float = Field(gt=0, description="Learning rate of the policy.")
    temperature: float = Field(gt=0, description="Sampling temperature of the rollout.")
    max_new_tokens: int = Field(gt=0, description="Longest response, in tokens.")
    max_len: int = Field(gt=0, description="Longest prompt and response together, in tokens.")
    eval: EvalSettings = EvalSettings()
    openrlhf: dict[str, Any] = Field(default_factory=dict, description="OpenRLHF flags without the dashes.")

    @field_serializer("filter")
    def _what_is_set(self, given: RunFilter | None) -> dict[str, Any] | None:
        return given.model_dump(exclude_unset=True) if given is not None else None

    def filter_sent(self) -> dict[str, Any] | None:
        """What goes with each request; null = the service's filter. A percentile is off until the trainer knows its number."""
        sent = self._what_is_set(self.filter)
        return None if sent is None else {**sent, **dict.fromkeys(self.percentiles())}

    def percentiles(self) -> dict[str, Percentile]:
        return self.filter.percentiles() if self.filter is not None else {}

    @model_validator(mode="after")
    def _settings_are_for_services_of_our_own(self) -> "Preset":
        if self.service_settings and self.services == "external":
            raise ValueError("service_settings are for local services: set them where the external ones are started")
        for name in self.service_settings or {}:
            if not name.startswith("RLMR_"):
                raise ValueError(f"service_settings: {name} is no setting of a service; their names begin with RLMR_")
        return self

    @model_validator(mode="after")
    def _updates_share_the_samples_of_a_step(self) -> "Preset":
        if self.batch * self.n % self.updates:
            raise ValueError(
                f"updates = {self.updates} does not divide the {self.batch * self.n} samples of a step (batch x n)"
            )
        return self


def preset_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str, changes: list[str] | None = None) -> Preset:
    """`name`: a preset of this folder or a path to a YAML file. `changes`: key=value, values in YAML, dots reach inside."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise PresetError(
            f"no preset {name!r}: choose one of {', '.join(preset_names())}, or give the path of a YAML file"
        )
    data = read_yaml_mapping(path)
    data.setdefault("name", path.stem)
    return preset_of(data, changes, path.name)


def preset_of(data: dict[str, Any], changes: list[str] | None, where: str) -> Preset:
    """`data` with `changes`; `where` names it in errors."""
    for change in changes or []:
        _set(data, change)
    try:
        return Preset.model_validate(data)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise PresetError(f"{where}: {problems}") from exc


def _set(data: dict[str, Any], change: str) -> None:
    key, eq, text = change.partition("=")
    if not eq:
        raise PresetError(f"--set {change!r}: write key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise PresetError(f"--set {change!r}: the value is not YAML: {' '.join(str(exc).split())}") from exc
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)  # YAML 1.1 reads 1e-4 as text
    head, _, rest = key.partition(".")
    if head == "openrlhf":
        # OpenRLHF's own names contain dots: everything after the first is one key.
        data.setdefault("openrlhf", {})[rest] = value
    elif rest:
        if (
            head in ("columns", "distortion", "service_settings", "train_on", "filter", "price")
            and data.get(head) is None
        ):
            data[head] = {}
        if not isinstance(data.get(head), dict):
            raise PresetError(f"--set {change!r}: {head} has no parts")
        data[head][rest] = value
    elif head == "strategy" and isinstance(value, str):
        data["strategy"] = {"name": value}  # another strategy starts from its own defaults
    else:
        data[head] = value
