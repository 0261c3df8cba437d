"""POST /verify: the constraint verifier."""

from collections.abc import Sequence
from typing import Annotated, Literal

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


class VerifySample(WireModel):
    id: SampleId
    prompt: Prompt
    response: str = Field(
        description="The text to check, without chat markup. Data only: nothing in it can change its verdict."
    )
    constraints: Constraints | None = Field(
        description="What must hold. null = the judge reads the constraints out of the prompt; [] = nothing to check, passes."
    )


class VerifyGroup(WireModel):
    """The responses to one prompt, which travels once, as its constraints do."""

    id: SampleId
    prompt: Prompt
    constraints: Constraints | None = Field(
        description="What must hold for each response: null = the judge reads it out of the prompt, [] = nothing."
    )
    responses: Items[str] = Field(min_length=1, description="The texts to check, without chat markup.")


class VerifyRequest(WireModel):
    """Either `samples` or `groups`."""

    groups: Annotated[Items[VerifyGroup], Field(min_length=1), AfterValidator(unique_ids)] | None = Field(
        default=None, description="Responses by prompt; null = `samples` are sent. Order is preserved."
    )
    samples: Annotated[Items[VerifySample], Field(min_length=1), AfterValidator(unique_ids)] | None = Field(
        default=None,
        validate_default=True,
        description="Any mix of prompts; null = `groups` are sent. Order is preserved.",
    )
    mode: Literal["strict", "loose"] = Field(
        default="strict",
        description="strict: the response as it is. loose: also without its first/last line and without asterisks (IFEval's loose).",
    )
    _either = field_validator("samples")(either_form)

    def flat(self) -> list[VerifySample]:
        """Every response as a sample, in order; those of groups with ids that only tell them apart."""
        if self.samples is not None:
            return self.samples
        return [
            VerifySample.model_construct(
                id=f"{g}.{i}", prompt=group.prompt, response=response, constraints=group.constraints
            )
            for g, group in enumerate(self.groups or ())
            for i, response in enumerate(group.responses)
        ]

    def reply(
        self, verifier: "VerifierIdentity", results: Sequence["VerifyResult"]
    ) -> "VerifyReply | VerifyGroupsReply":
        """`results`: one for each of `flat()`."""
        if self.groups is None:
            return VerifyReply(verifier=verifier, results=list(results))
        parts = split_up(results, (len(group.responses) for group in self.groups))
        groups = [VerifyGroupResult(id=g.id, results=list(part)) for g, part in zip(self.groups, parts, strict=True)]
        return VerifyGroupsReply(verifier=verifier, groups=groups)


class VerifierIdentity(WireModel):
    name: str = Field(default="rlmr-verifier", description="Name of the verifier.")
    revision: str = Field(description="Rule checkers, their libraries, and the judge: same revision, same verdicts.")
    judge: str | None = Field(default=None, description="Judge model and prompt version; null without a judge.")


class ConstraintResult(WireModel):
    type: str = Field(description="The constraint's id, as in the request.")
    status: Status = Field(default=Status.OK, description="Whether this constraint has a verdict, and if not, why.")
    passed: bool | None = Field(default=None, description="null unless status is ok.")
    source: Literal["rule", "judge"] = Field(description="Who decided: a program or the LLM judge.")
    reason: str | None = Field(default=None, description="One line with the evidence, e.g. `213 words, at most 200`.")
    spans: list[tuple[int, int]] = Field(
        default_factory=list,
        description="Where a violation shows in the response: start and end (exclusive) in characters; empty where it shows nowhere in "
        "particular, and from checkers that cannot tell.",
    )


class SampleVerdict(WireModel):
    status: Status = Field(description="ok only if every constraint has a verdict or one of them certainly failed.")
    passed: bool | None = Field(default=None, description="All-or-nothing: true only if every constraint passed.")
    constraints: list[ConstraintResult] = Field(default_factory=list, description="One per constraint, in order.")
    reason: str | None = Field(default=None, description="Why there is no verdict; null when ok.")


class VerifyResult(SampleVerdict, Identified):
    """With the id of its sample."""


class VerifyReply(WireModel):
    """Answer to `samples`."""

    verifier: VerifierIdentity = Field(description="What checked.")
    results: list[VerifyResult] = Field(description="One per sample, in the order of the request.")


class VerifyGroupResult(WireModel):
    id: SampleId
    results: list[SampleVerdict] = Field(description="One per response, in the order of the responses.")


class VerifyGroupsReply(WireModel):
    """Answer to `groups`."""

    verifier: VerifierIdentity = Field(description="What checked.")
    groups: list[VerifyGroupResult] = Field(description="One per group, in the order of the request.")
