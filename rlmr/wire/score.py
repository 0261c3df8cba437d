"""POST /score: the writing reward model."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from rlmr.wire.base import (
    Constraints,
    Identified,
    Items,
    Prompt,
    SampleId,
    Status,
    WireModel,
    either_form,
    split_up,
    unique_ids,
)


class ScoreSample(WireModel):
    id: SampleId
    prompt: Prompt
    response: str = Field(description="The text to score, without chat markup.")


class ScoreGroup(WireModel):
    """The responses to one prompt, which travels once."""

    id: SampleId
    prompt: Prompt
    constraints: Constraints | None = Field(
        default=None, description="Not used here: allowed so that a group can be sent to /score and /verify as it is."
    )
    responses: Items[str] = Field(min_length=1, description="The texts to score, without chat markup.")


class ScoreRequest(WireModel):
    """Either `samples` or `groups`."""

    groups: Annotated[Items[ScoreGroup], Field(min_length=1), AfterValidator(unique_ids)] | None = Field(
        default=None, description="Responses by prompt; null = `samples` are sent. Order is preserved."
    )
    samples: Annotated[Items[ScoreSample], Field(min_length=1), AfterValidator(unique_ids)] | None = Field(
        default=None,
        validate_default=True,
        description="Any mix of prompts; null = `groups` are sent. Order is preserved.",
    )
    _either = field_validator("samples")(either_form)

    def flat(self) -> list[ScoreSample]:
        """Every response as a sample, in order; those of groups with ids that only tell them apart."""
        if self.samples is not None:
            return self.samples
        return [
            ScoreSample.model_construct(id=f"{g}.{i}", prompt=group.prompt, response=response)
            for g, group in enumerate(self.groups or ())
            for i, response in enumerate(group.responses)
        ]

    def reply(self, model: "ModelIdentity", results: Sequence["ScoreResult"]) -> "ScoreReply | ScoreGroupsReply":
        """`results`: one for each of `flat()`."""
        if self.groups is None:
            return ScoreReply(model=model, results=list(results))
        parts = split_up(results, (len(group.responses) for group in self.groups))
        groups = [ScoreGroupResult(id=g.id, results=list(part)) for g, part in zip(self.groups, parts, strict=True)]
        return ScoreGroupsReply(model=model, groups=groups)


class ModelIdentity(WireModel):
    name: str = Field(description="Name of the reward model.")
    revision: str = Field(description="Hash of weights, tokenizer, template and constants: same revision, same scores.")
    engine: str = Field(description="What ran the forward pass: torch, sglang or vllm, with its version and dtype.")


class SampleScore(WireModel):
    status: Status = Field(description="ok: score, raw and tokens are set. Anything else: score and raw are null.")
    score: float | None = Field(
        default=None,
        description="(raw - mean) / std with the constants stored with the model: standard deviations of the reference set.",
    )
    raw: float | None = Field(default=None, description="The scalar head's output, in the model's own unit.")
    tokens: int | None = Field(default=None, ge=0, description="Length of prompt and response as scored, in tokens.")
    reason: str | None = Field(default=None, description="Why there is no score; null when ok.")


class ScoreResult(SampleScore, Identified):
    """With the id of its sample."""


class ScoreReply(WireModel):
    """Answer to `samples`."""

    model: ModelIdentity = Field(description="What scored.")
    results: list[ScoreResult] = Field(description="One per sample, in the order of the request.")


class ScoreGroupResult(WireModel):
    id: SampleId
    results: list[SampleScore] = Field(description="One per response, in the order of the responses.")


class ScoreGroupsReply(WireModel):
    """Answer to `groups`."""

    model: ModelIdentity = Field(description="What scored.")
    groups: list[ScoreGroupResult] = Field(description="One per group, in the order of the request.")
