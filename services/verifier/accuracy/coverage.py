"""What of a benchmark's requirements the rule checkers can express: hand-made annotations in, shares out (`rlmr constraints coverage`)."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rlmr.mistake import Mistake, first_wrong, read_yaml_list
from services.verifier.constraints import ConstraintError, prepare


class Requirement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quote: str
    """A few words of the query."""
    by: Literal["exactly", "roughly", "not", "judge"]
    """exactly: the checker says what is asked for. roughly: something near it. not: a program could, no checker does. judge: a matter of
    taste or meaning (tone, style, audience), which no program decides."""
    checker: str | None = None
    kwargs: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_a_checker_where_one_can(self) -> Self:
        if (self.checker is not None) != (self.by in ("exactly", "roughly")):
            raise ValueError("a checker is needed where `by` is exactly or roughly, and nowhere else")
        if self.checker is not None:
            try:
                prepare(self.checker, self.kwargs or {})
            except ConstraintError as error:
                raise ValueError(str(error)) from None
        return self


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: int
    """Its number in the benchmark."""
    of: str
    """Subset: length, style, format ..."""
    language: str
    requirements: list[Requirement]


@dataclass(frozen=True, slots=True)
class Share:
    queries: int
    counts: dict[str, int]

    @property
    def hard(self) -> int:
        """Requirements that a program could decide."""
        return self.counts["exactly"] + self.counts["roughly"] + self.counts["not"]


def read_annotations(file: Path) -> list[Query]:
    """Raises Mistake, which names the row and the field."""
    found = []
    for number, row in enumerate(read_yaml_list(file), start=1):
        try:
            found.append(Query.model_validate(row))
        except ValidationError as error:
            raise Mistake(f"{file}: row {number}: {first_wrong(error)}") from None
    return found


def shares(queries: list[Query]) -> dict[str, Share]:
    """By subset, by language, and of all."""
    groups = {f"subset {q.of}": [p for p in queries if p.of == q.of] for q in queries}
    groups |= {f"language {q.language}": [p for p in queries if p.language == q.language] for q in queries}
    return {name: _share(group) for name, group in {**groups, "all": queries}.items()}


def _share(queries: list[Query]) -> Share:
    found = Counter(requirement.by for query in queries for requirement in query.requirements)
    return Share(len(queries), {by: found[by] for by in ("exactly", "roughly", "not", "judge")})
