"""`rlmr eval NAME`: settings, responses, verdicts, figures, in that order; each step goes on where it was."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlmr import __version__
from rlmr.mistake import Mistake
from trainer.evaluation.answering import Source
from trainer.evaluation.asking import Model
from trainer.evaluation.benchmark import Benchmark, Item
from trainer.evaluation.judging import judge, questions
from trainer.evaluation.results import results, write_results
from trainer.evaluation.run_folder import RunFolder, content_hash

Progress = Callable[[str, int, int], AbstractContextManager[Callable[[], None]]]
"""(what, done before, total) -> a context whose value is called after each row."""


@dataclass(frozen=True)
class Plan:
    benchmark: Benchmark
    data: Path
    options: Mapping[str, str]
    source: Source
    judge: Model | None
    tries: int = 1
    at_once: int = 8
    limit: int | None = None

    def settings(self) -> dict[str, Any]:
        """Everything that decides a figure: the result's identity."""
        declared = self.benchmark.options
        return {
            "benchmark": self.benchmark.name,
            "revision": self.benchmark.revision(self.options),
            "rlmr": __version__,
            "data": {"file": self.data.name, "sha256": content_hash(self.data)},
            "options": {n: content_hash(Path(v)) if declared[n].path and v else v for n, v in self.options.items()},
            "limit": self.limit,
            "responses": self.source.settings(),
            "judge": {**self.judge.settings(), "tries": self.tries} if self.judge else None,
        }


@dataclass(frozen=True)
class Outcome:
    results: dict[str, Any]
    refused: int
    """Calls that the endpoints did not answer; the same command asks them again."""
    why: str


def chosen_options(benchmark: Benchmark, given: Mapping[str, str]) -> dict[str, str]:
    """Raises Mistake for a name or value that the benchmark does not have."""
    for name, value in given.items():
        option = benchmark.options.get(name)
        if option is None:
            known = ", ".join(benchmark.options) or "none"
            raise Mistake(f"--set {name}: {benchmark.name} has no such option (it has: {known})")
        if option.choices and value not in option.choices:
            raise Mistake(f"--set {name}={value}: one of {', '.join(option.choices)}")
        if option.path and not Path(value).exists():
            raise Mistake(f"--set {name}={value}: No such file or directory")
    return {name: given.get(name, option.default) for name, option in benchmark.options.items()}


def read_items(plan: Plan) -> list[Item]:
    items = plan.benchmark.read(plan.data, plan.options)
    if not items:
        raise Mistake(f"{plan.data}: no rows in the file")
    return items if plan.limit is None else items[: plan.limit]


def inputs_of(benchmark: Benchmark, data: Path, options: Mapping[str, str]) -> dict[str, Path]:
    """Every file and folder that the figures are made of."""
    chosen = {f"option.{n}": Path(v) for n, v in options.items() if v and benchmark.options[n].path}
    return {"data": data, **chosen}


def evaluate(plan: Plan, out: Path, progress: Progress, command: str = "") -> Outcome:
    """Raises Mistake and EndpointGone; what was written stays, and the same call goes on."""
    items = read_items(plan)
    with RunFolder(out, plan.settings(), inputs_of(plan.benchmark, plan.data, plan.options), command) as folder:
        before = len(folder.responses.keys() & {item.key for item in items})
        with progress("responses", before, len(items)) as seen:
            unanswered = asyncio.run(plan.source.fill(folder, items, seen))
        total = list(questions(folder, plan.benchmark, items))
        done = sum((item.key, question.id) in folder.verdicts for item, _, question in total)
        with progress("verdicts", done, len(total)) as seen:
            unjudged = asyncio.run(judge(folder, plan.benchmark, items, plan.judge, plan.tries, plan.at_once, seen))
        found = results(folder, plan.benchmark, items, plan.options)
        write_results(found, out)
    return Outcome(found, unanswered[0] + unjudged[0], unjudged[1] or unanswered[1])
