"""ComplexBench (Wen et al. 2024, arXiv 2407.03978): yes/no questions about each response, some of which depend on others.

A question counts as failed if one that it directly depends on failed. DRFR = questions passed / questions. A question with a rule is
answered by the rule on what the judge copies out of the response; any other by the judge, its analysis first.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlmr.mistake import Mistake
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
)
from trainer.evaluation.benchmarks.complexbench_rules import holds
from trainer.evaluation.templating import filled, json_rows, own_hash, read_template

TYPES = {
    "Lexical": ("Word Matching", "Keywords"),
    "Structure": (
        "JSON Format",
        "Markdown Format",
        "Bullets Format",
        "Length",
        "Start with",
        "End with",
        "Punctuation",
        "Template",
    ),
    "Semantic": ("Language Style", "Personalization", "Topic", "Sentiment"),
    "Utility": ("Helpfulness", "Target Language", "Supportiveness", "Consistency", "Factuality"),
}
_TYPE_OF = {dimension: name for name, dimensions in TYPES.items() for dimension in dimensions}
LONGEST_INSTRUCTION, LONGEST_RESPONSE = 6000, 4000
"""Characters that the judge is shown, as its authors do."""
_FIELDS = ("instruction", "response", "question")
_ANSWER = re.compile(r"(?:答案|answer)\**\s*[:：]\s*\**\s*(是|否|yes\b|no\b)", re.IGNORECASE)
_TARGET = re.compile(r"(?:评测对象|target)\**\s*[:：]\**", re.IGNORECASE)


class ComplexBench(Benchmark):
    name: ClassVar[str] = "complexbench"
    version = "1"
    key_field = "main_id"
    response_field = "generated"
    options = {
        "language": Option("zh, or the English translation in the same file.", default="zh", choices=("zh", "en")),
        "prompt": Option(
            "The judge's prompt, with {instruction}, {response}, {question}; default: our own.", path=True
        ),
        "extract": Option("The prompt that has it copy out what a rule looks at; default: our own.", path=True),
        "extract_each": Option("The same for a rule about each of several parts; default: our own.", path=True),
    }

    def __init__(self) -> None:
        self._prompts: dict[str, str] = {}

    def revision(self, options: Mapping[str, str]) -> str:
        language = options["language"]
        return f"{self.version}, prompts {own_hash(*(f'complexbench_{n}_{language}.txt' for n in self._names))}"

    _names: ClassVar[tuple[str, ...]] = ("prompt", "extract", "extract_each")

    def read(self, data: Path, options: Mapping[str, str]) -> list[Item]:
        language = options["language"]
        self._prompts = {
            name: read_template(f"complexbench_{name}_{language}.txt", options[name], _FIELDS) for name in self._names
        }
        suffix = "" if language == "zh" else "_en"
        items = [_item(where, row, suffix) for where, row in json_rows(data)]
        if len({item.key for item in items}) != len(items):
            raise Mistake(f"{data}: a main_id occurs twice")
        sizes = Counter(item.data["group"] for item in items)
        for item in items:
            item.data["group_size"] = sizes[item.data["group"]]
        return items

    def questions(self, item: Item, response: str) -> Sequence[Question]:
        values = {
            "instruction": item.messages[-1]["content"][:LONGEST_INSTRUCTION],
            "response": after_thinking(response)[:LONGEST_RESPONSE],
        }

        def asked(question: dict[str, Any]) -> str:
            rule = question["rule"]
            name = "prompt" if rule is None else "extract_each" if "each" in rule else "extract"
            return filled(self._prompts[name], {**values, "question": question["question"]})

        return [
            Question(str(number), [{"role": "user", "content": asked(question)}])
            for number, question in enumerate(item.data["questions"])
        ]

    def verdict(self, item: Item, response: str, question: Question, reply: str | None) -> Verdict:
        rule = item.data["questions"][int(question.id)]["rule"]
        said = after_thinking(reply or "")
        if rule is None:
            return Verdict(float(read_answer(said)), said.strip())
        targets = read_targets(said, after_thinking(response))
        passed = holds(rule, targets)
        return Verdict(float(passed), f"{rule} {'holds' if passed else 'fails'}", {"targets": targets})

    def measures(self, judged: Sequence[Judged], options: Mapping[str, str]) -> list[Measure]:
        """The tables of the benchmark's own aggregation, without its relative drop (1 - coherent / origin)."""
        passed = {j.item.key: with_dependencies(j) for j in judged}
        groups: dict[str, dict[str, list[bool | None]]] = defaultdict(lambda: defaultdict(list))
        for row in judged:
            for number, ok in enumerate(passed[row.item.key]):
                for name in ("DRFR", *_names_of(row.item.data, number)):
                    groups[name][row.item.key].append(ok)
        found = [_share(name, groups[name]) for name in sorted(groups, key=lambda name: (name != "DRFR", name))]
        return [*found, *_coherence(judged, passed)]


def _item(where: str, row: dict[str, Any], suffix: str) -> Item:
    try:
        questions = [
            {
                "question": q[f"question{suffix}"],
                "rule": q["rule"] or None,
                "dimensions": list(q["constraint_dimensions"]),
                "compositions": list(q["composition_types"]),
                "dep": [int(number) for number in q["dep"]],
            }
            for q in row["scoring_questions"]
        ]
        data = {
            "questions": questions,
            "group": str(row["group"] or ""),
            "category": str(row["category"]),
            "task": str(row["task_types"]),
            "nested": "_".join(sorted(row["composition_types"])),
        }
        key, instruction = str(row["main_id"]), row[f"instruction{suffix}"]
    except (KeyError, TypeError, ValueError) as exc:
        raise Mistake(
            f"{where}: {type(exc).__name__}: {exc}: an entry of ComplexBench's data_final.json is needed"
        ) from exc
    if any(not 0 <= number < len(questions) for q in questions for number in q["dep"]):
        raise Mistake(f"{where}: scoring_questions.dep: names a question that is not there")
    if not questions or not isinstance(instruction, str):
        raise Mistake(f"{where}: instruction{suffix} and scoring_questions are needed")
    return Item(key, [{"role": "user", "content": instruction}], data)


def _names_of(data: dict[str, Any], number: int) -> Iterable[str]:
    """The figures that a question counts in, once for each time the data names them."""
    question = data["questions"][number]
    for dimension in question["dimensions"]:
        yield f"type {_TYPE_OF.get(dimension, 'Others')}"
        yield f"dimension {dimension}"
    for composition in question["compositions"]:
        yield f"composition {composition}"
    yield f"category {data['category']}"
    yield f"category {data['category'].split('_')[0]} (all)"
    yield f"task {data['task']}"
    yield f"nested {data['nested']}"


def with_dependencies(judged: Judged) -> list[bool | None]:
    """Per question: failed if it or a direct dependency failed, None if it could not be judged and nothing it rests on failed."""
    own = [None if (v := judged.verdicts[str(n)]) is None else bool(v.value) for n in range(len(judged.verdicts))]

    def rests_on(number: int) -> list[bool | None]:
        return [own[number], *(own[dep] for dep in judged.item.data["questions"][number]["dep"])]

    return [_all(rests_on(number)) for number in range(len(own))]


def _all(values: Sequence[bool | None]) -> bool | None:
    """Of three values (Kleene): False settles it, None leaves it open."""
    return False if False in values else None if None in values else True


def _share(name: str, by_item: Mapping[str, Sequence[bool | None]]) -> Measure:
    known = {key: [ok for ok in values if ok is not None] for key, values in by_item.items()}
    return Measure(name, {key: (float(sum(values)), len(values)) for key, values in known.items() if values})


def _coherence(judged: Sequence[Judged], passed: Mapping[str, Sequence[bool | None]]) -> list[Measure]:
    """Selection: instructions of a group differ in the branch to take. origin: instructions obeyed; coherent: groups all obeyed."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in judged:
        if row.item.data["group"]:
            groups[row.item.data["group"]].append(row)
    origin: dict[str, dict[str, tuple[float, float]]] = {"single": {}, "multiple": {}}
    coherent: dict[str, dict[str, tuple[float, float]]] = {"single": {}, "multiple": {}}
    for group, rows in groups.items():
        depth = sum("Selection" in q["compositions"] for q in rows[0].item.data["questions"])
        if depth == 0:
            continue
        kind = "single" if depth == 1 else "multiple"
        whole = [_all(passed[row.item.key]) for row in rows]
        if known := [ok for ok in whole if ok is not None]:
            origin[kind][group] = (float(sum(known)), len(known))
        together = _all(whole)
        if together is not None and len(rows) == rows[0].item.data["group_size"]:
            coherent[kind][group] = (float(together), 1.0)
    return [
        Measure(f"selection {kind} {name}", units[kind])
        for kind in ("single", "multiple")
        for name, units in (("origin", origin), ("coherent", coherent))
    ]


def read_answer(reply: str) -> bool:
    """Raises Unparseable where there is no answer, or both."""
    found = {answer.lower() in ("是", "yes") for answer in _ANSWER.findall(reply)}
    if len(found) != 1:
        raise Unparseable("both answers" if found else "no line with the answer")
    return found.pop()


def read_targets(reply: str, response: str) -> list[str]:
    """What stands behind the last mark: the whole response ("all"), nothing ("None"), or parts divided by ||. Raises Unparseable."""
    marks = list(_TARGET.finditer(reply))
    if not marks:
        raise Unparseable("no line with what was copied out")
    text = reply[marks[-1].end() :].strip()
    bare = text.strip("\"'`“”。.[]").lower()
    if bare == "all":
        return [response]
    return [] if bare == "none" else [part.strip() for part in text.split("||")]
