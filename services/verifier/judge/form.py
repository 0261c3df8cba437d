"""The form of a verdict: the JSON schema that the judge must keep to, and what its answers mean. Ours, or a folder's form.json."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rlmr.mistake import first_wrong
from rlmr.wire import Status
from services.verifier.judge.endpoint import JudgeFailure
from services.verifier.judge.prompt_files import FORM, PromptError
from services.verifier.judge.verdict import Answer, JudgeVerdict, one_line, read_object


class VerdictForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    answer_schema: dict[str, Any] = Field(alias="schema", description="JSON schema of the whole message, an object.")
    verdict: str = Field(description="The key that holds the answer.")
    reason: str | None = Field(default=None, description="The key that holds the reason; null = there is none.")
    met: tuple[str | int | bool, ...] = Field(min_length=1, description="Values of `verdict` that mean met.")
    violated: tuple[str | int | bool, ...] = Field(min_length=1, description="Values that mean violated.")
    not_applicable: tuple[str | int | bool, ...] = Field(
        default=(), description="Values that mean that the requirement's condition does not occur."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> "VerdictForm":
        keys = self._keys()
        for key in (self.verdict, *([self.reason] if self.reason else [])):
            if key not in keys:
                raise ValueError(f"schema: properties: {key!r} is missing")
        meanings = [repr(v) for v in (*self.met, *self.violated, *self.not_applicable)]
        if len(set(meanings)) != len(meanings):
            raise ValueError("met, violated, not_applicable: a value has two meanings")
        return self

    def _keys(self) -> set[str]:
        properties = self.answer_schema.get("properties")
        return set(properties) if isinstance(properties, dict) else set()

    @property
    def response_format(self) -> dict[str, Any]:
        schema = {"name": "verdict", "strict": True, "schema": self.answer_schema}
        return {"type": "json_schema", "json_schema": schema}

    def read(self, choice: dict[str, Any]) -> JudgeVerdict:
        """Raises JudgeFailure."""
        value = read_object(choice)
        if set(value) - self._keys() or self.verdict not in value:
            raise JudgeFailure(Status.UNPARSEABLE, "judge: the answer has not exactly the keys of its form")
        reason = value.get(self.reason) if self.reason else ""
        if not isinstance(reason, str):
            raise JudgeFailure(Status.UNPARSEABLE, "judge: the answer has no reason")
        return JudgeVerdict(self._meaning(value[self.verdict]), one_line(reason))

    def _meaning(self, said: Any) -> Answer:
        table: tuple[tuple[Answer, tuple[str | int | bool, ...]], ...] = (
            ("met", self.met),
            ("violated", self.violated),
            ("not_applicable", self.not_applicable),
        )
        for answer, values in table:
            if any(type(said) is type(v) and said == v for v in values):
                return answer
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the verdict is none of those that were offered")


def _own(*answers: str) -> VerdictForm:
    """No numbers, no free form, reason before verdict. The same for every call, so that an engine compiles its grammar once."""
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "verdict": {"type": "string", "enum": list(answers)},
        },
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }
    return VerdictForm(
        schema=schema,
        verdict="verdict",
        reason="reason",
        met=("met",),
        violated=("violated",),
        not_applicable=tuple(a for a in answers if a == "not_applicable"),
    )


PLAIN, CONDITIONAL = _own("met", "violated"), _own("met", "violated", "not_applicable")


def forms_of(folder: Path | None) -> tuple[VerdictForm, VerdictForm]:
    """(for a requirement without a condition, with one); a folder's form.json serves for both. Raises PromptError."""
    path = folder / FORM if folder else None
    if path is None or not path.is_file():
        return PLAIN, CONDITIONAL
    try:
        form = VerdictForm.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as exc:
        raise PromptError(f"{path}: {first_wrong(exc)}") from None
    except (OSError, ValueError) as exc:
        raise PromptError(f"{path}: {exc}") from None
    return form, form
