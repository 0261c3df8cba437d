"""IFEval and IFBench from files: reference verdicts per instruction and the four accuracies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.verifier.constraints import ConstraintError, Prepared, Subject, evaluate, evaluate_variants, prepare


class DataError(ValueError):
    """A file that is not as it should be; the message names file, line and field."""


@dataclass(frozen=True)
class Task:
    key: str | int
    prompt: str
    constraints: list[Prepared]


@dataclass(frozen=True)
class Outcome:
    """Verdict per instruction, in the order of the data."""

    key: str | int
    strict: list[bool]
    loose: list[bool]


@dataclass(frozen=True)
class Accuracies:
    """Shares of 1. Prompt level: every instruction of a prompt holds."""

    prompt_strict: float
    prompt_loose: float
    instruction_strict: float
    instruction_loose: float
    prompts: int
    instructions: int


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line that is not blank. Raises DataError."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: a JSON object is needed")
            yield number, row


def read_tasks(path: Path) -> dict[str, Task]:
    """IFEval's and IFBench's own format: key, prompt, instruction_id_list, kwargs. Kwargs that are null count as absent."""
    tasks: dict[str, Task] = {}
    for number, row in read_jsonl(path):
        try:
            ids, kwargs = row["instruction_id_list"], row["kwargs"]
            pairs = list(zip(ids, kwargs, strict=True))
            constraints = [prepare(id, {k: v for k, v in given.items() if v is not None}) for id, given in pairs]
            task = Task(row["key"], row["prompt"], constraints)
        except KeyError as error:
            raise DataError(f"{path}:{number}: field {error} is missing") from None
        except (TypeError, ValueError, AttributeError) as error:
            kind = "" if isinstance(error, ConstraintError) else "instruction_id_list and kwargs: "
            raise DataError(f"{path}:{number}: {kind}{error}") from None
        if str(task.key) in tasks:
            raise DataError(f"{path}:{number}: key {task.key} occurs twice")
        tasks[str(task.key)] = task
    return tasks


def read_responses(path: Path) -> dict[str, str]:
    """{key, response} a line."""
    responses: dict[str, str] = {}
    for number, row in read_jsonl(path):
        if "key" not in row or not isinstance(row.get("response"), str):
            raise DataError(f"{path}:{number}: needs `key` and a `response` that is text")
        if str(row["key"]) in responses:
            raise DataError(f"{path}:{number}: key {row['key']} occurs twice")
        responses[str(row["key"])] = row["response"]
    return responses


def judge(task: Task, response: str) -> Outcome:
    subject = Subject(response, task.prompt)
    strict = [evaluate(c, subject, "strict").passed for c in task.constraints]
    # What passes strictly passes loosely: the first loose variant is the response itself.
    loose = [ok or evaluate_variants(c, subject) is not None for c, ok in zip(task.constraints, strict, strict=True)]
    return Outcome(task.key, strict, loose)


def accuracies(outcomes: list[Outcome]) -> Accuracies:
    strict, loose = [o.strict for o in outcomes], [o.loose for o in outcomes]
    instructions = sum(map(len, strict))
    if not instructions:
        raise DataError("no response to evaluate")
    return Accuracies(
        sum(map(all, strict)) / len(outcomes),
        sum(map(all, loose)) / len(outcomes),
        sum(map(sum, strict)) / instructions,
        sum(map(sum, loose)) / instructions,
        len(outcomes),
        instructions,
    )


def evaluate_files(data: Path, responses: Path, output: Path) -> tuple[Accuracies, list[str]]:
    """Writes {key, strict, loose} per response, in the order of the responses. Returns the accuracies and the keys of prompts
    without a response, which are not counted. Raises DataError, also for a response to an unknown prompt."""
    tasks, answers = read_tasks(data), read_responses(responses)
    unknown = [key for key in answers if key not in tasks]
    if unknown:
        raise DataError(f"{responses}: {len(unknown)} keys are not in {data}, the first is {unknown[0]}")
    outcomes = [judge(tasks[key], response) for key, response in answers.items()]
    with output.open("w", encoding="utf-8") as out:
        for outcome in outcomes:
            out.write(json.dumps({"key": outcome.key, "strict": outcome.strict, "loose": outcome.loose}) + "\n")
    return accuracies(outcomes), [key for key in tasks if key not in answers]
