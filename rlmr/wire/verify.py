"""POST /verify: the constraint verifier."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rlmr.wire.base import Constraint, Items, Prompt, SampleId, Status, WireModel, unique_ids


class VerifySample(WireModel):
    id: SampleId
    prompt: Prompt
    response: str = Field(
        description="The text to check, without chat markup. Data only: nothing in it can change its verdict."
    )
    constraints: Items[Constraint] | None = Field(
        description="What must hold. null = the judge reads the constraints out of the prompt; [] = nothing to check, passes."
    )


class VerifyRequest(WireModel):
    samples: Annotated[Items[VerifySample], AfterValidator(unique_ids)] = Field(
        min_length=1, description="Any mix of prompts; order is preserved."
    )
    mode: Literal["strict", "loose"] = Field(
        default="strict",
        description="strict: the response as it is. loose: also without its first/last line and without asterisks (IFEval's loose).",
    )


class VerifierIdentity(WireModel):
    name: str = Field(default="rlmr-verifier", description="Name of the verifier.")
    revision: str = Field(description="Version of the rule checkers: same revision, same verdicts.")
    judge: str | None = Field(default=None, description="Judge model and prompt version; null without a judge.")


class ConstraintResult(WireModel):
    type: str = Field(description="The constraint's id, as in the request.")
    status: Status = Field(default=Status.OK, description="Whether this constraint has a verdict, and if not, why.")
    passed: bool | None = Field(default=None, description="null unless status is ok.")
    source: Literal["rule", "judge"] = Field(description="Who decided: a program or the LLM judge.")
    reason: str | None = Field(default=None, description="One line with the evidence, e.g. `213 words, at most 200`.")


class VerifyResult(WireModel):
    id: SampleId
    status: Status = Field(description="ok only if every constraint has a verdict or one of them certainly failed.")
    passed: bool | None = Field(default=None, description="All-or-nothing: true only if every constraint passed.")
    constraints: list[ConstraintResult] = Field(default_factory=list, description="One per constraint, in order.")
    reason: str | None = Field(default=None, description="Why there is no verdict; null when ok.")


class VerifyReply(WireModel):
    verifier: VerifierIdentity = Field(description="What checked.")
    results: list[VerifyResult] = Field(description="One per sample, in the order of the request.")
