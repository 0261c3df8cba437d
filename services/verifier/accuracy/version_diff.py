"""Two versions of a benchmark's checkers on the same responses: which verdicts differ, and by how much the benchmark moves."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json_lines
from services.verifier.constraints import (
    ConstraintError,
    Prepared,
    Subject,
    Verdict,
    evaluate,
    evaluate_variants,
    prepare,
)
from services.verifier.constraints.versions import in_version


@dataclass(frozen=True, slots=True)
class Instruction:
    strict: Verdict
    loose: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One instruction of one response on which the versions disagree, strictly or loosely."""

    key: str
    id: str
    a: Instruction
    b: Instruction


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Shares of 1."""

    prompt_strict: float
    prompt_loose: float
    instruction_strict: float
    instruction_loose: float


@dataclass(frozen=True, slots=True)
class VersionDiff:
    a: Accuracies
    b: Accuracies
    prompts: int
    instructions: int
    differences: list[Difference]

    def by_id(self) -> dict[str, tuple[int, int]]:
        """Id -> how many strict verdicts went from violated to passed, and from passed to violated."""
        up = Counter(d.id for d in self.differences if d.b.strict.passed > d.a.strict.passed)
        down = Counter(d.id for d in self.differences if d.b.strict.passed < d.a.strict.passed)
        return {id: (up[id], down[id]) for id in sorted({d.id for d in self.differences})}


def compare_versions(a: str, b: str, responses: Path, data: Path | None = None) -> VersionDiff:
    """`a`, `b`: versions as of `in_version`. `responses`: JSONL with key (or prompt) and response; instruction_id_list and kwargs stand in
    the same line, or in that of `data` (the benchmark's own file). Raises Mistake."""
    tasks = _tasks(data) if data else {}
    differences: list[Difference] = []
    found: tuple[list[list[Instruction]], list[list[Instruction]]] = ([], [])
    for where, row in read_json_lines(responses):
        task = row if "instruction_id_list" in row else tasks.get(str(row.get("key", row.get("prompt"))))
        if task is None:
            remedy = "its key or prompt is not in --data" if data else "give the benchmark's file with --data"
            raise Mistake(f"{where}: no instruction_id_list: {remedy}")
        if not isinstance(row.get("response"), str):
            raise Mistake(f"{where}: needs a `response` that is text")
        subject = Subject(row["response"], str(task.get("prompt", "")))
        verdicts = [_verdicts(_constraints(task, version, where), subject) for version in (a, b)]
        key = str(row.get("key", where.rpartition(":")[2]))
        for id, of_a, of_b in zip(task["instruction_id_list"], *verdicts, strict=True):
            if (of_a.strict.passed, of_a.loose) != (of_b.strict.passed, of_b.loose):
                differences.append(Difference(key, id, of_a, of_b))
        for side, listed in zip(found, verdicts, strict=True):
            side.append(listed)
    if not any(found[0]):
        raise Mistake(f"{responses}: no response with an instruction in it")
    return VersionDiff(
        _accuracies(found[0]), _accuracies(found[1]), len(found[0]), sum(map(len, found[0])), differences
    )


def _tasks(path: Path) -> dict[str, dict[str, Any]]:
    """By key and by prompt."""
    tasks: dict[str, dict[str, Any]] = {}
    for where, row in read_json_lines(path):
        if "instruction_id_list" not in row:
            raise Mistake(f"{where}: field 'instruction_id_list' is missing")
        for name in ("prompt", "key"):
            if name in row:
                tasks[str(row[name])] = row
    return tasks


def _constraints(task: dict[str, Any], version: str, where: str) -> list[Prepared]:
    try:
        pairs = list(zip(task["instruction_id_list"], task["kwargs"], strict=True))
        return [prepare(in_version(id, version), {k: v for k, v in kw.items() if v is not None}) for id, kw in pairs]
    except KeyError as error:
        raise Mistake(f"{where}: field {error} is missing") from None
    except ConstraintError as error:
        raise Mistake(f"{where}: {error}") from None
    except (TypeError, ValueError, AttributeError):
        raise Mistake(f"{where}: instruction_id_list and kwargs: two lists of equal length are needed") from None


def _verdicts(constraints: list[Prepared], subject: Subject) -> list[Instruction]:
    found = []
    for constraint in constraints:
        strict = evaluate(constraint, subject, "strict")
        found.append(Instruction(strict, strict.passed or evaluate_variants(constraint, subject) is not None))
    return found


def _accuracies(responses: list[list[Instruction]]) -> Accuracies:
    instructions = [i for listed in responses for i in listed]
    return Accuracies(
        sum(all(i.strict.passed for i in r) for r in responses) / len(responses),
        sum(all(i.loose for i in r) for r in responses) / len(responses),
        sum(i.strict.passed for i in instructions) / len(instructions),
        sum(i.loose for i in instructions) / len(instructions),
    )
