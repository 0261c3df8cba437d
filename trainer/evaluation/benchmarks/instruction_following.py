"""IFEval (Zhou et al. 2023) and IFBench (Pyatkin et al. 2025): rules only, each strict and loose, over prompts and instructions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from services.verifier.constraints import revision
from services.verifier.constraints.versions import base_id
from trainer.evaluation.benchmark import Benchmark, Item, Judged, Measure, Option, Question, Verdict
from trainer.evaluation.instruction_following import Task, judge, read_tasks


class _InstructionFollowing(Benchmark):
    version = "1"
    judged = False
    options = {
        "checkers": Option(
            "reference: what published numbers mean. fixed: what the instructions ask for (docs/verifier.md).",
            default="reference",
            choices=("reference", "reference@c94da02", "fixed"),
        )
    }

    def revision(self, options: Mapping[str, str]) -> str:
        return f"{self.version}, checkers {revision()}"

    def read(self, data: Path, options: Mapping[str, str]) -> list[Item]:
        tasks = read_tasks(data, options["checkers"])
        return [Item(key, [{"role": "user", "content": task.prompt}], task) for key, task in tasks.items()]

    def questions(self, item: Item, response: str) -> Sequence[Question]:
        return [Question("instructions")]

    def verdict(self, item: Item, response: str, question: Question, reply: str | None) -> Verdict:
        task: Task = item.data
        found = judge(task, response)
        failed = [f"{id}: {why}" for id, ok, why in zip(found.ids, found.strict, found.reasons, strict=True) if not ok]
        details = {
            "ids": [base_id(id) for id in found.ids],
            "strict": found.strict,
            "loose": found.loose,
            "reasons": found.reasons,
        }
        return Verdict(float(all(found.strict)), "; ".join(failed), details)

    def measures(self, judged: Sequence[Judged], options: Mapping[str, str]) -> list[Measure]:
        rows = {j.item.key: v.details for j in judged for v in j.verdicts.values() if v is not None}
        found = [
            Measure(f"prompt {how}", {key: (float(all(row[how])), 1.0) for key, row in rows.items()})
            for how in ("strict", "loose")
        ]
        found += [
            Measure(f"instruction {how}", {key: (float(sum(row[how])), len(row[how])) for key, row in rows.items()})
            for how in ("strict", "loose")
        ]
        for id in sorted({id for row in rows.values() for id in row["ids"]}):
            for how in ("strict", "loose"):
                units = {
                    key: (float(sum(ok for ok, of in zip(row[how], row["ids"], strict=True) if of == id)), count)
                    for key, row in rows.items()
                    if (count := row["ids"].count(id))
                }
                found.append(Measure(f"{id} {how}", units))
        return found


class IFEval(_InstructionFollowing):
    name: ClassVar[str] = "ifeval"


class IFBench(_InstructionFollowing):
    name: ClassVar[str] = "ifbench"
