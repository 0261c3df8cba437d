"""haiku: three lines, and a judge who says whether a season is felt."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rlmr.mistake import read_json_lines
from trainer.evaluation.benchmark import Benchmark, Item, Judged, Measure, Question, Unparseable, Verdict

ASK = "Is a season felt in this haiku? Answer yes or no.\n\n"


class Haiku(Benchmark):
    name = "haiku"
    version = "1"  # another one whenever a figure may change

    def read(self, data: Path, options: Mapping[str, str]) -> list[Item]:
        return [
            Item(str(row["key"]), [{"role": "user", "content": row["prompt"]}], None)
            for _, row in read_json_lines(data)
        ]

    def questions(self, item: Item, response: str) -> Sequence[Question]:
        return [Question("lines"), Question("season", [{"role": "user", "content": ASK + response}])]

    def verdict(self, item: Item, response: str, question: Question, reply: str | None) -> Verdict:
        if reply is None:
            return Verdict(float(len(response.split("\n")) == 3))
        if reply.strip().lower() not in ("yes", "no"):
            raise Unparseable("neither yes nor no")
        return Verdict(float(reply.strip().lower() == "yes"))

    def measures(self, judged: Sequence[Judged], options: Mapping[str, str]) -> list[Measure]:
        def share(name: str) -> Measure:
            return Measure(name, {j.item.key: (v.value, 1.0) for j in judged if (v := j.verdicts[name]) is not None})

        return [share("season"), share("lines")]
