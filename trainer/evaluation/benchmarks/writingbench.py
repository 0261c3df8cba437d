"""WritingBench (Wu et al. 2025, arXiv 2503.05244): five criteria of its own for each query, each marked 1 to 10 in a call of its own.

The judge is a critic trained for it or any LLM, sampled as its authors sample: temperature 1, top_p 0.95, 2,048 tokens. Its wording
is ours unless --set prompt=FILE gives another. A mark is believed only if it is a whole number in 1..10 with a reason.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlmr.mistake import Mistake, read_json_lines
from trainer.evaluation.benchmark import (
    Benchmark,
    Item,
    Judged,
    Measure,
    Option,
    Question,
    Unparseable,
    Verdict,
    after_thinking,
    json_answer,
)
from trainer.evaluation.templating import filled, own_hash, read_template

REQUIREMENTS = ("style", "format", "length")


class WritingBench(Benchmark):
    name: ClassVar[str] = "writingbench"
    version = "1"
    key_field = "index"
    sampling = {"temperature": 0.7, "top_p": 0.8, "max_tokens": 16000}
    judge_sampling = {"temperature": 1.0, "top_p": 0.95, "max_tokens": 2048}
    options = {
        "subsets": Option(
            "Folder with style/, format/, length/, each with its R and C file (`requirement` of the repository).",
            path=True,
        ),
        "prompt": Option("The judge's prompt, with {criteria}, {query} and {response}; default: our own.", path=True),
        "system": Option("The judge's system prompt: a file; default: none.", path=True),
    }

    def __init__(self) -> None:
        self._prompt, self._system = "", ""

    def revision(self, options: Mapping[str, str]) -> str:
        return f"{self.version}, prompts {own_hash('writingbench.txt')}"

    def read(self, data: Path, options: Mapping[str, str]) -> list[Item]:
        self._prompt = read_template("writingbench.txt", options["prompt"], ("criteria", "query", "response"))
        self._system = read_template("", options["system"], ()) if options["system"] else ""
        asked = _subsets(Path(options["subsets"])) if options["subsets"] else {}
        items = [self._item(where, row, asked) for where, row in read_json_lines(data)]
        if len({item.key for item in items}) != len(items):
            raise Mistake(f"{data}: an index occurs twice")
        return items

    def _item(self, where: str, row: dict[str, Any], asked: Mapping[str, dict[str, set[str]]]) -> Item:
        try:
            key, query = str(row["index"]), row["query"]
            names = [criterion["name"] for criterion in row["checklist"]]
            kept = {name: row[name] for name in ("domain1", "domain2", "lang") if row.get(name)}
        except (KeyError, TypeError) as exc:
            raise Mistake(f"{where}: index, query and checklist (each with a name) are needed: {exc}") from exc
        if not isinstance(query, str) or len(set(names)) != len(names) or not names:
            raise Mistake(f"{where}: checklist: criteria with different names are needed")
        subsets = {name: sorted(by_key[key]) for name, by_key in asked.items() if key in by_key}
        data = {**kept, "checklist": row["checklist"], "subsets": subsets}
        return Item(key, [{"role": "user", "content": query}], data)

    def questions(self, item: Item, response: str) -> Sequence[Question]:
        system = [{"role": "system", "content": self._system}] if self._system else []
        values = {"query": item.messages[-1]["content"], "response": after_thinking(response)}

        def asked(criterion: dict[str, str]) -> str:
            return filled(self._prompt, {**values, "criteria": json.dumps(criterion, ensure_ascii=False, indent=1)})

        return [Question(c["name"], [*system, {"role": "user", "content": asked(c)}]) for c in item.data["checklist"]]

    def verdict(self, item: Item, response: str, question: Question, reply: str | None) -> Verdict:
        return read_mark(reply or "")

    def measures(self, judged: Sequence[Judged], options: Mapping[str, str]) -> list[Measure]:
        """overall: mean over all criteria. Of domains, languages and R: mean over queries of the query's mean. C: mean over the
        criteria that concern the requirement."""
        marks = {j.item.key: {q: v.value for q, v in j.verdicts.items() if v is not None} for j in judged}
        known = [j.item for j in judged if marks[j.item.key]]
        means = {item.key: sum(marks[item.key].values()) / len(marks[item.key]) for item in known}
        found = [
            Measure(
                "overall",
                {item.key: (sum(marks[item.key].values()), len(marks[item.key])) for item in known},
                share=False,
            )
        ]
        for requirement in REQUIREMENTS:
            within = {item.key: item.data["subsets"].get(requirement) for item in known}
            found.append(
                Measure(f"{requirement} R", {k: (means[k], 1.0) for k, names in within.items() if names}, False)
            )
            criteria = {k: [marks[k][n] for n in names or () if n in marks[k]] for k, names in within.items()}
            found.append(
                Measure(f"{requirement} C", {k: (sum(c), len(c)) for k, c in criteria.items() if c}, share=False)
            )
        for field in ("lang", "domain1", "domain2"):
            values = sorted({item.data[field] for item in known if field in item.data})
            found += [
                Measure(
                    f"{field} {value}",
                    {item.key: (means[item.key], 1.0) for item in known if item.data.get(field) == value},
                    share=False,
                )
                for value in values
            ]
        return found


def read_mark(reply: str) -> Verdict:
    """{"score": 1..10, "reason": text}, bare or in a fence, after any thinking. Raises Unparseable."""
    found = json_answer(reply)
    if not isinstance(found, dict) or not {"score", "reason"} <= found.keys():
        raise Unparseable("not an object with score and reason")
    mark, reason = found["score"], found["reason"]
    if isinstance(mark, bool) or not isinstance(mark, int) or not 1 <= mark <= 10:
        raise Unparseable(f"score {mark!r} is no whole number from 1 to 10")
    if not isinstance(reason, str):
        raise Unparseable("reason is not text")
    return Verdict(float(mark), reason)


def _subsets(folder: Path) -> dict[str, dict[str, set[str]]]:
    """Requirement -> key of a query in its R subset -> names of its C criteria."""
    found: dict[str, dict[str, set[str]]] = {}
    for requirement in REQUIREMENTS:
        within = folder / requirement
        of = {str(row["index"]): set[str]() for _, row in read_json_lines(within / f"{requirement}_subset.jsonl")}
        for _, row in read_json_lines(within / f"{requirement}_subset_C.jsonl"):
            of.setdefault(str(row["index"]), set()).update(criterion["name"] for criterion in row["checklist"])
        found[requirement] = of
    return found
