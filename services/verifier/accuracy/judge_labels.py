"""Labelled constraints for a judge: prompt, response, one constraint, and what one or two readers say of it."""

from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake, first_wrong
from services.verifier.accuracy.labelled import files_of, rows_of
from services.verifier.constraints import ConstraintError, prepare

Label = Literal["met", "violated", "not_applicable"]


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)


class JudgeRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prompt: str
    response: str
    constraint: str = Field(min_length=1)
    """In words, as the judge is asked."""
    labels: dict[str, Label] = Field(min_length=1, max_length=2)
    """Annotator -> what the response does."""
    rule: Rule | None = None
    """A checker of the same constraint, where there is one."""
    language: str = ""
    kind: str = ""

    @property
    def violated(self) -> bool | None:
        """As the annotators say; None where they disagree. A condition that does not occur is no violation."""
        said = {label == "violated" for label in self.labels.values()}
        return said.pop() if len(said) == 1 else None


def own_rows() -> Path:
    """The set that comes with the package."""
    return Path(str(resources.files("services.verifier.accuracy") / "judge_rows.yaml"))


def read_judge_rows(paths: list[Path]) -> list[JudgeRow]:
    """Of .jsonl and .yaml files, and of folders of them. Raises Mistake."""
    found = []
    for file in (file for path in paths for file in files_of(path)):
        for number, value in enumerate(rows_of(file), start=1):
            try:
                row = JudgeRow.model_validate(value)
                if row.rule is not None:
                    prepare(row.rule.type, row.rule.kwargs)
            except ValidationError as error:
                raise Mistake(f"{file}: row {number}: {first_wrong(error)}") from None
            except ConstraintError as error:
                raise Mistake(f"{file}: row {number}: rule: {error}") from None
            found.append(row)
    if not found:
        raise Mistake(f"{', '.join(map(str, paths))}: no row")
    return found
