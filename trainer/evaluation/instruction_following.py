"""IFEval's and IFBench's files, and the verdicts per instruction."""

from dataclasses import dataclass, field
from pathlib import Path

from rlmr.mistake import Mistake, read_json_lines
from services.verifier.constraints import ConstraintError, Prepared, Subject, evaluate, evaluate_variants, prepare
from services.verifier.constraints.versions import in_version


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


def read_tasks(path: Path, checkers: str = "reference") -> dict[str, Task]:
    """IFEval's and IFBench's own format: key, prompt, instruction_id_list, kwargs. Kwargs that are null count as absent.
    `checkers`: a version of services.verifier.constraints.versions."""
    tasks: dict[str, Task] = {}
    for where, row in read_json_lines(path):
        try:
            ids, kwargs = row["instruction_id_list"], row["kwargs"]
            pairs = list(zip(ids, kwargs, strict=True))
            constraints = [
                prepare(in_version(id, checkers), {k: v for k, v in given.items() if v is not None})
                for id, given in pairs
            ]
            task = Task(row["key"], row["prompt"], constraints)
        except KeyError as error:
            raise Mistake(f"{where}: field {error} is missing") from None
        except (TypeError, ValueError, AttributeError) as error:
            kind = "" if isinstance(error, ConstraintError) else "instruction_id_list and kwargs: "
            raise Mistake(f"{where}: {kind}{error}") from None
        if str(task.key) in tasks:
            raise Mistake(f"{where}: key {task.key} occurs twice")
        tasks[str(task.key)] = task
    return tasks


def read_responses(path: Path, tasks: dict[str, Task]) -> dict[str, str]:
    """{key, response} a line, or {prompt, response} as IFEval's own script has it. Raises Mistake."""
    by_prompt = {task.prompt: key for key, task in tasks.items()}
    responses: dict[str, str] = {}
    for where, row in read_json_lines(path):
        if not ("key" in row or isinstance(row.get("prompt"), str)) or not isinstance(row.get("response"), str):
            raise Mistake(f"{where}: needs `key` (or `prompt`) and a `response` that is text")
        key = str(row["key"]) if "key" in row else by_prompt.get(row["prompt"])
        if key is None:
            raise Mistake(f"{where}: its prompt is none of the data's")
        if key in responses:
            raise Mistake(f"{where}: key {key} occurs twice")
        responses[key] = row["response"]
    return responses


def judge(task: Task, response: str) -> Outcome:
    subject = Subject(response, task.prompt)
    verdicts = [evaluate(c, subject, "strict") for c in task.constraints]
    strict = [verdict.passed for verdict in verdicts]
    # What passes strictly passes loosely: the first loose variant is the response itself.
    loose = [ok or evaluate_variants(c, subject) is not None for c, ok in zip(task.constraints, strict, strict=True)]
    return Outcome(task.key, strict, loose, [v.reason for v in verdicts], [c.checker.id for c in task.constraints])
