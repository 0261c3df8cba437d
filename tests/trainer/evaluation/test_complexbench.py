"""ComplexBench: replies, the dependency rule, and every table against one by hand and an aggregation written a second time."""

import importlib.util
import json
import os
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from trainer.evaluation.benchmark import Judged, Unparseable, Verdict
from trainer.evaluation.benchmarks.complexbench import TYPES, ComplexBench, read_answer, read_targets, with_dependencies
from trainer.evaluation.evaluating import chosen_options


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("分析：他写了三段。\n答案：是", True),
        ("分析：不是诗。\n**答案**：否", False),
        ("Analysis: it is not there.\nAnswer: No", False),
        ("Analysis: fine.\n**Answer:** yes.", True),
        ("答案：否……\n答案：否", False),
    ],
)
def test_an_answer_is_read(reply: str, answer: bool) -> None:
    assert read_answer(reply) is answer


@pytest.mark.parametrize(
    "reply", ["", "是", "答案：是\n答案：否", "The answer is yes", "Answer: none", "Answer: yesterday"]
)
def test_what_is_no_answer_is_unparseable(reply: str) -> None:
    with pytest.raises(Unparseable):
        read_answer(reply)


def test_targets_are_what_stands_behind_the_last_mark() -> None:
    assert read_targets("解释：看全文\n评测对象：all", "the whole") == ["the whole"]
    assert read_targets("Explanation: no Target: here\nTarget: None", "r") == []
    assert read_targets("评测对象：一。|| 二", "r") == ["一。", "二"]
    with pytest.raises(Unparseable):
        read_targets("all", "r")


def question(rule: str | None = None, dep: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    plain = {"question": "问", "question_en": "Q", "constraint_dimensions": ["Topic"], "composition_types": []}
    return {**plain, "rule": rule, "dep": list(dep), **more}


def entry(main_id: int, questions: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    plain = {"main_id": main_id, "group": f"g{main_id}", "category": "And_1", "task_types": "Creative Writing"}
    texts = {"instruction": "写", "instruction_en": "Write", "composition_types": ["And"]}
    return {**plain, **texts, "scoring_questions": questions, **more}


def read(path: Path, entries: list[dict[str, Any]], language: str = "zh"):  # type: ignore[no-untyped-def]
    path.write_text(json.dumps(entries, ensure_ascii=False))
    benchmark = ComplexBench()
    return benchmark, benchmark.read(path, chosen_options(benchmark, {"language": language}))


def test_a_rule_is_asked_for_its_object_and_then_applied(tmp_path: Path) -> None:
    rules = ["model_length:[1,3]", "model_length_each:[1,3]", "length_unknown:[1]"]
    benchmark, (item,) = read(tmp_path / "d.json", [entry(1, [question(), *(question(rule) for rule in rules)])])
    response = "<think>x</think>\n\n" + "长" * 5000
    plain, one, each, unknown = benchmark.questions(item, response)
    assert "答案" in plain.messages[0]["content"]
    assert "长" * 4000 in plain.messages[0]["content"]
    assert "长" * 4001 not in plain.messages[0]["content"]
    assert "||" not in one.messages[0]["content"]
    assert "||" in each.messages[0]["content"]
    assert benchmark.verdict(item, response, one, "评测对象：abc").value == 1
    # All of it, not what the judge was shown of it, and without the thinking.
    assert benchmark.verdict(item, response, one, "评测对象：all").value == 0
    assert benchmark.verdict(item, response, each, "评测对象：abc||abcd").value == 0
    with pytest.raises(Unparseable, match="not one that RLMR knows"):
        benchmark.verdict(item, response, unknown, "评测对象：all")


def test_the_english_questions_are_in_the_same_file(tmp_path: Path) -> None:
    benchmark, (item,) = read(tmp_path / "d.json", [entry(1, [question()])], "en")
    assert item.messages[0]["content"] == "Write"
    assert "Answer: yes or no" in benchmark.questions(item, "r")[0].messages[0]["content"]


def judged(item: Any, values: list[bool | None]) -> Judged:
    return Judged(item, {str(n): None if v is None else Verdict(float(v)) for n, v in enumerate(values)})


def test_a_failed_dependency_fails_what_rests_on_it_directly(tmp_path: Path) -> None:
    chain = [question(), question(dep=(0,)), question(dep=(1,)), question(dep=(0, 1))]
    _, (item,) = read(tmp_path / "d.json", [entry(1, chain)])
    # Question 2 rests on 1, which itself is true: direct dependencies only.
    assert with_dependencies(judged(item, [False, True, True, True])) == [False, False, True, False]
    # What was not judged is open, unless something certainly failed.
    assert with_dependencies(judged(item, [None, True, False, True])) == [None, None, False, None]
    assert with_dependencies(judged(item, [None, False, True, True])) == [None, False, False, False]


def test_figures_are_those_worked_by_hand(tmp_path: Path) -> None:
    selection = [
        question(constraint_dimensions=["Factuality"], composition_types=["Selection"]),
        question(dep=(0,), constraint_dimensions=["Length", "Topic"]),
    ]
    more = {"category": "Selection_1", "composition_types": ["Selection"], "group": "g"}
    _, items = read(
        tmp_path / "d.json",
        [entry(1, selection, **more), entry(2, selection, **more), entry(3, [question(), question(), question()])],
    )
    rows = [judged(items[0], [True, True]), judged(items[1], [False, True]), judged(items[2], [True, None, False])]
    found = {m.name: m.value for m in ComplexBench().measures(rows, {}) if m.units}
    assert found["DRFR"] == 3 / 6
    assert found["type Structure"] == found["dimension Length"] == 1 / 2
    assert found["type Semantic"] == 2 / 4
    assert found["composition Selection"] == found["type Utility"] == 1 / 2
    assert found["category Selection (all)"] == found["nested Selection"] == 2 / 4
    assert found["task Creative Writing"] == 3 / 6
    assert (found["selection single origin"], found["selection single coherent"]) == (1 / 2, 0)
    assert "selection multiple origin" not in found


def second_aggregation(entries: list[dict[str, Any]], verdicts: list[list[bool]]) -> dict[str, float]:
    """Written again from the paper's and the repository's description, as plainly as can be."""
    hits, asked = defaultdict[str, int](int), defaultdict[str, int](int)
    whole: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    type_of = {d: t for t, dimensions in TYPES.items() for d in dimensions}
    for e, own in zip(entries, verdicts, strict=True):
        final = list(own)
        for i, q in enumerate(e["scoring_questions"]):
            for dep in q["dep"]:
                if not own[dep]:
                    final[i] = False
        for q, ok in zip(e["scoring_questions"], final, strict=True):
            names = ["DRFR", f"category {e['category']}", f"category {e['category'].split('_')[0]} (all)"]
            names += [f"task {e['task_types']}", "nested " + "_".join(sorted(e["composition_types"]))]
            names += [f"composition {c}" for c in q["composition_types"]]
            for d in q["constraint_dimensions"]:
                names += [f"dimension {d}", f"type {type_of.get(d, 'Others')}"]
            for name in names:
                asked[name] += 1
                hits[name] += ok
        depth = sum("Selection" in q["composition_types"] for q in e["scoring_questions"])
        whole[e["group"]].append((depth, all(final)))
    for kind, fits in (("single", lambda d: d == 1), ("multiple", lambda d: d >= 2)):
        for rows in (rows for rows in whole.values() if fits(rows[0][0])):
            asked[f"selection {kind} origin"] += len(rows)
            hits[f"selection {kind} origin"] += sum(ok for _, ok in rows)
            asked[f"selection {kind} coherent"] += 1
            hits[f"selection {kind} coherent"] += all(ok for _, ok in rows)
    return {name: hits[name] / count for name, count in asked.items()}


def random_entries(draw: random.Random, count: int) -> list[dict[str, Any]]:
    dimensions = [d for of in TYPES.values() for d in of] + ["Something Else"]
    compositions = ["And", "Chain", "Selection", "Nested"]
    entries = []
    for main_id in range(count):
        size = draw.randint(1, 6)
        questions = [
            question(
                dep=tuple(d for d in range(size) if d != n and draw.random() < 0.25),
                constraint_dimensions=draw.sample(dimensions, draw.randint(0, 2)),
                composition_types=draw.sample(compositions, draw.randint(0, 2)),
            )
            for n in range(size)
        ]
        chosen = draw.sample(compositions, draw.randint(1, 2))
        more = {"category": f"{draw.choice(compositions)}_{draw.randint(1, 3)}", "group": f"g{draw.randrange(count)}"}
        task = draw.choice(["Creative Writing", "Logical Reasoning"])
        entries.append(entry(main_id, questions, composition_types=chosen, task_types=task, **more))
    return entries


def ours(items: list[Any], verdicts: list[list[bool]]) -> dict[str, float]:
    rows = [judged(item, list(own)) for item, own in zip(items, verdicts, strict=True)]
    return {m.name: m.value for m in ComplexBench().measures(rows, {}) if m.units}


def test_ten_thousand_random_verdict_sets_agree_with_the_second_aggregation(tmp_path: Path) -> None:
    draw = random.Random(15)
    for _ in range(100):
        entries = random_entries(draw, 5)
        _, items = read(tmp_path / "d.json", entries)
        for _ in range(100):
            share = draw.random()
            verdicts = [[draw.random() < share for _ in e["scoring_questions"]] for e in entries]
            assert ours(items, verdicts) == second_aggregation(entries, verdicts)


CHECKOUT = Path(os.environ.get("RLMR_COMPLEXBENCH", "/nowhere")) / "evaluation" / "aggregation.py"


@pytest.mark.skipif(not CHECKOUT.exists(), reason="set RLMR_COMPLEXBENCH to a checkout of thu-coai/ComplexBench")
def test_ten_thousand_random_verdict_sets_agree_with_the_repositorys_aggregation(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("aggregation", CHECKOUT)
    assert spec and spec.loader
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    draw, compared = random.Random(16), 0
    while compared < 10_000:
        entries = random_entries(draw, 12)
        _, items = read(tmp_path / "d.json", entries)
        for _ in range(100):
            share = draw.uniform(0.5, 1.0)
            verdicts = [[draw.random() < share for _ in e["scoring_questions"]] for e in entries]
            rows = [
                theirs.get_rely_judgment({**e, "point_judges": own}) for e, own in zip(entries, verdicts, strict=True)
            ]
            try:
                found = theirs.aggregation(rows)
            except ZeroDivisionError:
                continue  # no group with a selection, or none of it obeyed: theirs divides by it
            expected = {"DRFR": found["overall_drfr"]}
            tables = found["constraint_types_and_composition_types_acc"]
            for name, value in tables.items():
                named = "Utility" if name == "Utillity" else name
                expected[f"{'composition' if name in ('And', 'Chain', 'Selection', 'Nested') else 'type'} {named}"] = (
                    value
                )
            for name, value in found["each_constraint_dimensions_and_composition_types_acc"].items():
                if name not in tables:
                    expected[f"dimension {name}"] = value
            for prefix, table, suffix in (
                ("category", "categorized_drfr", ""),
                ("category", "categorized_avg_drfr", " (all)"),
                ("task", "task_types_drfr", ""),
                ("nested", "nested_methods_drfr", ""),
            ):
                expected |= {f"{prefix} {name}{suffix}": value for name, value in found[table].items()}
            for kind in ("single", "multiple"):
                expected |= {f"selection {kind} {n}": found[f"{kind}_{n}_test"] for n in ("origin", "coherent")}
            assert ours(items, verdicts) == expected
            compared += 1
