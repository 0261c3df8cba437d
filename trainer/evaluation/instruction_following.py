"""IFEval and IFBench from files: reference verdicts per instruction and the four accuracies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    reasons: list[str] = field(default_factory=list)
    """Of the strict verdicts."""
    ids: list[str] = field(default_factory=list)


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
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: a JSON object is needed")
            yield number, row


def _text(path: Path) -> str:
    """A mark of byte order at the start is no part of it."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


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


def read_responses(path: Path, tasks: dict[str, Task]) -> dict[str, str]:
    """{key, response} a line, or {prompt, response} as IFEval's own script has it. Raises DataError."""
    by_prompt = {task.prompt: key for key, task in tasks.items()}
    responses: dict[str, str] = {}
    for number, row in read_jsonl(path):
        if not ("key" in row or isinstance(row.get("prompt"), str)) or not isinstance(row.get("response"), str):
            raise DataError(f"{path}:{number}: needs `key` (or `prompt`) and a `response` that is text")
        key = str(row["key"]) if "key" in row else by_prompt.get(row["prompt"])
        if key is None:
            raise DataError(f"{path}:{number}: its prompt is none of the data's")
        if key in responses:
            raise DataError(f"{path}:{number}: key {key} occurs twice")
        responses[key] = row["response"]
    return responses


def judge(task: Task, response: str) -> Outcome:
    subject = Subject(response, task.prompt)
    verdicts = [evaluate(c, subject, "strict") for c in task.constraints]
    strict = [verdict.passed for verdict in verdicts]
    # What passes strictly passes loosely: the first loose variant is the response itself.
    loose = [ok or evaluate_variants(c, subject) is not None for c, ok in zip(task.constraints, strict, strict=True)]
    return Outcome(task.key, strict, loose, [v.reason for v in verdicts], [c.checker.id for c in task.constraints])


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


def by_instruction(outcomes: list[Outcome]) -> dict[str, tuple[int, int, int]]:
    """Id -> how often it was asked for, obeyed strictly, obeyed loosely."""
    found: dict[str, tuple[int, int, int]] = {}
    for outcome in outcomes:
        for id, strict, loose in zip(outcome.ids, outcome.strict, outcome.loose, strict=True):
            asked, strictly, loosely = found.get(id, (0, 0, 0))
            found[id] = (asked + 1, strictly + strict, loosely + loose)
    return dict(sorted(found.items()))


def evaluate_files(data: Path, responses: Path, output: Path) -> tuple[Accuracies, list[Outcome], list[str]]:
    """Writes {key, strict, loose, reasons} per response, in the order of the responses. Returns the accuracies, the outcomes, and the
    keys of prompts without a response, which are not counted. Raises DataError, also for a response to an unknown prompt; then
    nothing is written."""
    for given in (data, responses):
        if output.exists() and given.exists() and output.samefile(given):
            raise DataError(f"{output}: --output would overwrite an input: name another file")
    if output.is_dir() or not output.parent.is_dir():
        raise DataError(f"{output}: --output must be a file in a folder that exists")
    tasks = read_tasks(data)
    answers = read_responses(responses, tasks)
    unknown = [key for key in answers if key not in tasks]
    if unknown:
        raise DataError(f"{responses}: {len(unknown)} keys are not in {data}, the first is {unknown[0]}")
    outcomes = [judge(tasks[key], response) for key, response in answers.items()]
    found = accuracies(outcomes)
    lines = [
        json.dumps({"key": o.key, "strict": o.strict, "loose": o.loose, "reasons": o.reasons}) + "\n" for o in outcomes
    ]
    try:
        output.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{output}: {error.strerror}") from None
    return found, outcomes, [key for key in tasks if key not in answers]
