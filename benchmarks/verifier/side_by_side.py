"""lm-eval's checkers and ours on the same responses, in turns, in one run: CPU seconds per response for strict and loose.

We remember words. So that this does not flatter us, a response is timed when it is new: by a process that has judged the other
half of the responses and not this one. The figures with every word known are beside it.
"""

import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from services.verifier.text import Text
from trainer.evaluation.instruction_following import Task, judge, read_responses, read_tasks

ENVIRONMENT = Path(".cache/lm-eval")
REQUIREMENTS = ["lm-eval==0.4.13", "langdetect==1.0.9", "immutabledict", "nltk==3.10.4"]
NEEDS_PUNKT = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}


class Reference:
    """lm-eval in its own environment, as a process that answers one round a line."""

    def __init__(self) -> None:
        python = _environment()
        script = Path(__file__).with_name("reference.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        hello = self._read()
        self.punkt: bool = hello["punkt"]
        self.versions: dict[str, str] = hello["versions"]

    def load(self, tasks: list[dict[str, Any]]) -> None:
        self._write({"tasks": tasks})

    def round(self) -> dict[str, Any]:
        self._write({"round": True})
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
            print(f"    lm-eval: {line.rstrip()}")
        raise SystemExit("lm-eval's process ended; its error is above")


def _environment() -> str:
    """lm-eval, installed once beside rlmr's own environment: their dependencies do not go together."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".done").exists():
        print(f"==> installing {', '.join(REQUIREMENTS)} into {ENVIRONMENT}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *REQUIREMENTS], check=True
        )
        (ENVIRONMENT / ".done").touch()
    return str(python)


def compare(data: Path, rounds: int) -> dict[str, Any]:
    """`data`: the folder with IFEval's prompts and responses."""
    tasks = read_tasks(data / "input_data.jsonl")
    responses = read_responses(data / "gpt4_verdicts.jsonl", tasks)
    with (data / "input_data.jsonl").open(encoding="utf-8") as lines:
        raw = {str(row["key"]): row for row in map(json.loads, lines)}
    reference = Reference()
    skipped = set() if reference.punkt else NEEDS_PUNKT
    ours: list[tuple[Task, str]] = []
    theirs: list[dict[str, Any]] = []
    for key, response in responses.items():
        row = raw[key]
        kept = [i for i, id in enumerate(row["instruction_id_list"]) if id not in skipped]
        if kept:
            ours.append((Task(key, row["prompt"], [tasks[key].constraints[i] for i in kept]), response))
            listed = {name: [row[name][i] for i in kept] for name in ("instruction_id_list", "kwargs")}
            theirs.append({"key": row["key"], "prompt": row["prompt"], "response": response, **listed})
    reference.load(theirs)
    reference.round()  # warms it up; ours warms up with the other half
    assert Text("Loads the language profiles.").language == "en"
    times: list[tuple[float, float, float]] = []
    for i in range(rounds):
        answer = reference.round()
        new, again, verdicts = _our_round(ours)
        times.append((answer["cpu_seconds"], new, again))
        print(
            f"    round {i + 1}: lm-eval {answer['cpu_seconds']:.2f} s, rlmr {new:.3f} s (again: {again:.3f} s), "
            f"ratio {answer['cpu_seconds'] / new:.1f}"
        )
    reference.close()
    pairs = [
        (task.constraints[i].checker.id, a, b)
        for (task, _), theirs_, ours_ in zip(ours, answer["verdicts"], verdicts, strict=True)
        for i, (a, b) in enumerate(zip(zip(*theirs_, strict=True), zip(*ours_, strict=True), strict=True))
    ]
    different = [id for id, a, b in pairs if a != b]
    count = len(ours)
    return {
        "responses": count,
        "instructions": len(pairs),
        "left_out": sorted(skipped),
        "left_out_because": None
        if reference.punkt
        else "NLTK could not get Punkt's data, which lm-eval needs for these ids",
        "verdicts_different": len(different),
        "different_ids": sorted(set(different)),
        "lm_eval_us_per_response": round(statistics.median(t for t, _, _ in times) / count * 1e6, 1),
        "rlmr_us_per_response": round(statistics.median(o for _, o, _ in times) / count * 1e6, 1),
        "rlmr_responses_per_second_per_core": round(count / statistics.median(o for _, o, _ in times)),
        "ratio_per_core": round(statistics.median(t / o for t, o, _ in times), 1),
        "rlmr_us_per_response_again": round(statistics.median(a for _, _, a in times) / count * 1e6, 1),
        "ratio_per_core_again": round(statistics.median(t / a for t, _, a in times), 1),
        "seconds_by_round": [{"lm_eval": t, "rlmr": round(o, 4), "rlmr_again": round(a, 4)} for t, o, a in times],
        "rounds": rounds,
        "versions": reference.versions,
    }


Verdicts = list[tuple[list[bool], list[bool]]]
Timed = tuple[float, Verdicts]
Sample = tuple[Task, str]
T = TypeVar("T")


def _our_round(tasks: list[Sample]) -> tuple[float, float, Verdicts]:
    """CPU seconds for new responses, and for the same again; and the verdicts."""
    halves = [tasks[::2], tasks[1::2]]
    seconds, repeated, found = 0.0, 0.0, list[Verdicts]()
    for timed, seen in ((0, 1), (1, 0)):
        (new, verdicts), (again, _) = _in_a_child(partial(_new_and_again, halves[seen], halves[timed]))
        seconds += new
        repeated += again
        found.append(verdicts)
    both = [half[i] for i in range(len(halves[0])) for half in found if i < len(half)]
    return seconds, repeated, both


def _new_and_again(seen: list[Sample], timed: list[Sample]) -> tuple[Timed, Timed]:
    _judged(seen)
    return _judged(timed), _judged(timed)


def _judged(tasks: list[Sample]) -> Timed:
    started = time.process_time()
    outcomes = [judge(task, response) for task, response in tasks]
    return time.process_time() - started, [(o.strict, o.loose) for o in outcomes]


def _in_a_child(work: Callable[[], T]) -> T:
    """In a forked process: it has loaded everything and judged nothing."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sending.send(work()))
    child.start()
    sending.close()
    try:
        return receiving.recv()  # type: ignore[no-any-return]
    finally:
        child.join()
