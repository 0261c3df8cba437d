"""POST /reward: the aggregation service."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from rlmr.wire.base import Constraints, Items, Prompt, SampleId, WireModel, unique_ids
from rlmr.wire.score import ModelIdentity
from rlmr.wire.verify import VerifierIdentity

MAX_REWARD = 1e6
"""Largest magnitude of a writing reward, in standard deviations. Trainers hold rewards in float32, which tells apart what lies 0.06
apart at this size; a score beyond it comes from a broken model or wrong standardisation constants."""


class Decision(StrEnum):
    TRAIN = "train"
    DROP = "drop"


class DropReason(StrEnum):
    ALL_VIOLATE = "all_violate"
    """Centred advantages sum to zero: no reward can make every violator negative."""
    ALL_HIGH = "all_high"
    """Every raw writing reward is above the upper threshold: nothing left to learn (DAPO)."""
    ALL_LOW = "all_low"
    """Every raw writing reward is below the lower threshold."""
    TOO_FEW_VALID = "too_few_valid"
    """Fewer valid samples than the minimum: the baseline would be noise."""
    UNAVAILABLE = "unavailable"
    """An upstream gave no answer for the whole group."""


class PolicyFault(StrEnum):
    """What is wrong with a response through the policy's own doing: it counts as a violation."""

    EMPTY = "empty"
    """Nothing but white space."""
    TOO_LONG = "too_long"
    """Over a limit in characters or tokens, which a sibling is not."""
    CUT_OFF = "cut_off"
    """Ended by the limit of new tokens, not by the policy (`finished` is false)."""
    UNPARSEABLE = "unparseable"
    """The judge's answer on it cannot be read, and on a sibling it could."""


class StrategySpec(WireModel):
    """Name of a mixing strategy and its parameters, as that strategy declares them. The aggregator's OpenAPI description and its
    GET /v1/info list the strategies it has, with every parameter's type, range and default."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="A strategy that the aggregator has: see its GET /v1/info.")

    def params(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class RewardGroup(WireModel):
    """The n responses sampled for one prompt."""

    id: SampleId
    prompt: Prompt
    constraints: Constraints | None = Field(
        description="What must hold, as in POST /verify: null = the judge reads it out of the prompt, [] = nothing."
    )
    responses: Items[str] = Field(min_length=1, description="The group: n responses to the same prompt.")
    finished: Items[bool] | None = Field(
        default=None,
        description="Per response: whether the policy ended it itself, or it ran into the limit of new tokens (false). null = unknown.",
    )

    @model_validator(mode="after")
    def _one_per_response(self) -> "RewardGroup":
        if self.finished is not None and len(self.finished) != len(self.responses):
            raise ValueError(f"finished has {len(self.finished)} entries for {len(self.responses)} responses")
        return self


class FilterSpec(WireModel):
    """Which groups are dropped although they could be rewarded. null = never; what is left out is the service's."""

    all_high: float | None = Field(
        default=None, allow_inf_nan=False, description="Drop a group whose writing rewards are all above this."
    )
    all_low: float | None = Field(
        default=None, allow_inf_nan=False, description="Drop a group whose writing rewards are all below this."
    )
    drop_all_violate: bool = Field(default=True, description="Drop a group in which every valid sample violates.")
    min_valid: int = Field(default=2, ge=1, description="Fewest valid samples of a group (at most its size).")
    min_valid_share: float = Field(default=0.5, ge=0, le=1, description="Smallest valid share of a group.")


class Expected(WireModel):
    """Revisions that must answer; null = any."""

    writing_rm: str | None = Field(default=None, max_length=500, description="`model.revision` of an earlier reply.")
    verifier: str | None = Field(default=None, max_length=500, description="`verifier.revision` of an earlier reply.")


class RewardRequest(WireModel):
    groups: Annotated[Items[RewardGroup], AfterValidator(unique_ids)] = Field(
        min_length=1, description="Any number of groups; each is decided on its own."
    )
    strategy: StrategySpec | None = Field(
        default=None, description="null = the strategy the service is configured with."
    )
    filter: FilterSpec | None = Field(
        default=None, description="What to change of the service's filter for this request; null = nothing."
    )
    expect: Expected | None = Field(
        default=None,
        description="Another revision that answers is a 409 `revision_mismatch` with both; null = any may.",
    )


class SampleDiagnostics(WireModel):
    score_status: str = Field(description="Status of the writing reward, or not_asked.")
    verify_status: str = Field(description="Status of the verdict, or not_asked.")
    reasons: list[str] = Field(default_factory=list, description="Failed constraints and failures, one line each.")
    fault: PolicyFault | None = Field(
        default=None, description="The policy's own fault, counted as a violation; null = none, or not counted."
    )
    cut_chars: int = Field(
        default=0, ge=0, description="Characters of the response that were cut off its beginning as thinking."
    )
    rule_share: float | None = Field(
        default=None, description="Share of the rule-checked constraints met; null where one has no verdict."
    )
    judge_passed: bool | None = Field(
        default=None, description="Every judged constraint is met; null where a constraint has no verdict."
    )
    met_share: float | None = Field(
        default=None, description="Share of all constraints met; null where one has no verdict."
    )
    spans: list[tuple[int, int]] = Field(
        default_factory=list,
        description="Where violations show in the response as it was sent: start and end (exclusive) in characters, in order.",
    )


class GroupDiagnostics(WireModel):
    n: int = Field(description="Responses in the group.")
    n_valid: int = Field(description="Samples with everything the strategy needs.")
    k: int = Field(description="Violators among the valid samples.")
    group_mean: float | None = Field(default=None, description="Mean of the final rewards over the valid samples.")
    compliant_below_mean: int = Field(default=0, description="Compliant samples that end below the group mean.")
    best_violator_above_compliant: int = Field(
        default=0, description="Compliant samples ranked below the best violator."
    )
    samples: list[SampleDiagnostics] = Field(default_factory=list, description="One per response, in order.")


class RewardGroupResult(WireModel):
    id: SampleId
    decision: Decision = Field(description="train, or drop: the group must not be trained on.")
    reason: DropReason | None = Field(default=None, description="Why the group is dropped; null for train.")
    rewards: list[float | None] = Field(
        description="Final reward per response; null where the sample is invalid or the group is dropped."
    )
    valid: list[bool] = Field(description="Everything the strategy needs of the sample exists.")
    writing: list[float | None] = Field(
        description="Standardised writing reward per response, before any adjustment, between -1e6 and 1e6; null where there is "
        "none, and where the model's score is beyond these bounds (unparseable)."
    )
    violated: list[bool | None] = Field(description="Violation flag v_i; null without a verdict.")
    delta: float | None = Field(
        default=None,
        ge=0,
        description="RLMR's penalty for this group, in writing-reward units; null for other strategies.",
    )
    diagnostics: GroupDiagnostics = Field(description="What explains the rewards.")


class RewardReply(WireModel):
    strategy: StrategySpec = Field(description="The strategy and every parameter in force.")
    filter: FilterSpec | None = Field(default=None, description="The filter in force.")
    model: ModelIdentity | None = Field(
        default=None, description="Writing reward model; null if it was not asked or did not answer."
    )
    verifier: VerifierIdentity | None = Field(
        default=None, description="Verifier; null if it was not asked or did not answer."
    )
    groups: list[RewardGroupResult] = Field(description="One per group, in the order of the request.")


class GetRewardRequest(WireModel):
    """OpenRLHF's remote reward contract (openrlhf 0.11.2, utils/agent.py): parallel lists."""

    query: Items[str] = Field(
        min_length=1, description="Prompt and response as one decoded text, special tokens included."
    )
    prompts: Items[str] = Field(min_length=1, description="The prompts, as decoded text.")
    labels: Items[str | None] = Field(
        min_length=1, description="The label column verbatim: a JSON object with `prompt_id` and `constraints`."
    )


class GetRewardReply(WireModel):
    rewards: list[float] = Field(description="One per query, in the strategy's unit.")
    scores: list[float] = Field(description="The same numbers: what OpenRLHF's dynamic filtering looks at.")
    extra_logs: dict[str, list[float]] = Field(
        default_factory=dict,
        description="Columns for OpenRLHF's log: violated (0 or 1), writing (standard deviations).",
    )
