"""POST /score: the writing reward model."""

from typing import Annotated

from pydantic import AfterValidator, Field

from rlmr.wire.base import Items, Prompt, SampleId, Status, WireModel, unique_ids


class ScoreSample(WireModel):
    id: SampleId
    prompt: Prompt
    response: str = Field(description="The text to score, without chat markup.")


class ScoreRequest(WireModel):
    samples: Annotated[Items[ScoreSample], AfterValidator(unique_ids)] = Field(
        min_length=1, description="Any mix of prompts; order is preserved."
    )


class ModelIdentity(WireModel):
    name: str = Field(description="Name of the reward model.")
    revision: str = Field(description="Hash of weights, tokenizer, template and constants: same revision, same scores.")
    engine: str = Field(description="What ran the forward pass: torch, sglang or vllm, with its version and dtype.")


class ScoreResult(WireModel):
    id: SampleId
    status: Status = Field(description="ok: score, raw and tokens are set. Anything else: score and raw are null.")
    score: float | None = Field(
        default=None,
        description="(raw - mean) / std with the constants stored with the model: standard deviations of the reference set.",
    )
    raw: float | None = Field(default=None, description="The scalar head's output, in the model's own unit.")
    tokens: int | None = Field(default=None, ge=0, description="Length of prompt and response as scored, in tokens.")
    reason: str | None = Field(default=None, description="Why there is no score; null when ok.")


class ScoreReply(WireModel):
    model: ModelIdentity = Field(description="What scored.")
    results: list[ScoreResult] = Field(description="One per sample, in the order of the request.")
