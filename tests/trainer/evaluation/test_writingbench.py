"""WritingBench: how a mark is read, what the judge is asked, and every figure against one worked by hand."""

import importlib.util
import json
import os
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trainer.evaluation.benchmark import Judged, Unparseable, Verdict
from trainer.evaluation.benchmarks.writingbench import WritingBench, read_mark
from trainer.evaluation.evaluating import chosen_options

GOOD = {"score": 7, "reason": "clear"}


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps(GOOD),
        f"```json\n{json.dumps(GOOD)}\n```",
        f'<think>score it {{"score": 1}}</think>\n\n{json.dumps(GOOD)}',
        '{"score": 7, "reason": "cl\tear"}',
    ],
)
def test_a_mark_is_read(reply: str) -> None:
    assert read_mark(reply).value == 7


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "7",
        "[7]",
        '{"score": 7}',
        '{"score": 7.0, "reason": "r"}',
        '{"score": "7", "reason": "r"}',
        '{"score": true, "reason": "r"}',
        '{"score": 0, "reason": "r"}',
        '{"score": 11, "reason": "r"}',
        '{"score": 7, "reason": 3}',
        "__import__('os').abort()",
        f"My mark: {json.dumps(GOOD)}",
    ],
)
def test_what_is_no_mark_is_unparseable(reply: str) -> None:
    with pytest.raises(Unparseable):
        read_mark(reply)


@pytest.fixture
def benchmark_and_items(tmp_path: Path):  # type: ignore[no-untyped-def]
    checklist = [{"name": name, "criteria_description": f"About {name}."} for name in ("A", "B", "C")]
    rows = [
        {"index": n, "query": f"Q{n} {{response}}", "domain1": d, "domain2": "x", "lang": "en", "checklist": checklist}
        for n, d in ((1, "Law"), (2, "Law"), (3, "Arts"))
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for requirement, indices, names in (("style", (1, 3), ("A", "B")), ("format", (2,), ("C",)), ("length", (), ())):
        folder = tmp_path / "requirement" / requirement
        folder.mkdir(parents=True)
        kept = [row for row in rows if row["index"] in indices]
        (folder / f"{requirement}_subset.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
        few = [{**row, "checklist": [c for c in checklist if c["name"] in names]} for row in kept]
        (folder / f"{requirement}_subset_C.jsonl").write_text("".join(json.dumps(row) + "\n" for row in few))
    benchmark = WritingBench()
    options = chosen_options(benchmark, {"subsets": str(tmp_path / "requirement")})
    return benchmark, benchmark.read(data, options), options


def test_a_call_for_each_criterion_with_the_criterion_twice(benchmark_and_items) -> None:  # type: ignore[no-untyped-def]
    benchmark, items, _ = benchmark_and_items
    questions = benchmark.questions(items[0], "<think>plan</think>\n\nthe {query} text")
    assert [question.id for question in questions] == ["A", "B", "C"]
    (message,) = questions[1].messages
    text = message["content"]
    assert text.count("About B.") == 2
    assert "About A." not in text
    # What is scored follows the thinking, and neither text pulls in the other.
    assert "the {query} text" in text
    assert "plan" not in text
    assert "Q1 {response}" in text


def test_figures_are_those_worked_by_hand(benchmark_and_items) -> None:  # type: ignore[no-untyped-def]
    benchmark, items, options = benchmark_and_items
    marks = {"1": (2, 4, None), "2": (10, 10, 7), "3": (5, 6, 8)}
    judged = [
        Judged(i, {n: None if m is None else Verdict(m) for n, m in zip("ABC", marks[i.key], strict=True)})
        for i in items
    ]
    found = {m.name: m for m in benchmark.measures(judged, options) if m.units}
    # Over the eight marks that there are; the missing one is in no numerator and no denominator.
    assert found["overall"].value == pytest.approx((2 + 4 + 10 + 10 + 7 + 5 + 6 + 8) / 8)
    # R: queries 1 and 3, mean of their means. C: their criteria A and B.
    assert found["style R"].value == pytest.approx((3 + 19 / 3) / 2)
    assert found["style C"].value == pytest.approx((2 + 4 + 5 + 6) / 4)
    assert found["format R"].value == pytest.approx(9)
    assert found["format C"].value == 7
    assert "length R" not in found
    assert found["domain1 Law"].value == pytest.approx((3 + 9) / 2)
    assert found["domain1 Arts"].value == pytest.approx(19 / 3)
    assert found["lang en"].value == pytest.approx((3 + 9 + 19 / 3) / 3)


CHECKOUT = Path(os.environ.get("RLMR_WRITINGBENCH", "/nowhere"))


@pytest.mark.skipif(not CHECKOUT.exists(), reason="set RLMR_WRITINGBENCH to a checkout of X-PLUG/WritingBench")
def test_on_all_queries_and_random_marks_the_figures_are_the_repositorys_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))  # for its Excel sheet only
    spec = importlib.util.spec_from_file_location("calculate_scores", CHECKOUT / "calculate_scores.py")
    assert spec and spec.loader
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    queries = CHECKOUT / "benchmark_query"
    benchmark = WritingBench()
    options = chosen_options(benchmark, {"subsets": str(queries / "requirement")})
    items = benchmark.read(queries / "benchmark_all.jsonl", options)
    assert len(items) == 1000
    required = theirs.read_requirement_file(queries / "requirement")
    domains = theirs.read_domain_file(queries / "benchmark_all.jsonl")
    draw = random.Random(15)
    for count in (1000, 300):  # all of them, and a part
        some = draw.sample(items, count)
        marks = {i.key: {c["name"]: draw.randint(1, 10) for c in i.data["checklist"]} for i in some}
        scores = tmp_path / "scores.jsonl"
        scores.write_text(
            "".join(
                json.dumps({"index": int(key), "scores": {name: [{"score": m}] for name, m in of.items()}}) + "\n"
                for key, of in marks.items()
            )
        )
        means, overall, _, details = theirs.read_scores_file(scores)
        by_domain, by_subdomain = theirs.calculate_domain_scores(means, domains)
        of_r, of_c = theirs.calculate_requirement_scores(means, details, *required)
        expected = {"overall": overall}
        expected |= {f"domain1 {name}": value for name, value in by_domain.items()}
        expected |= {f"domain2 {name}": value for name, value in by_subdomain.items()}
        expected |= {f"{name} R": value for name, value in of_r.items()} | {f"{n} C": v for n, v in of_c.items()}
        judged = [Judged(i, {n: Verdict(float(m)) for n, m in marks[i.key].items()}) for i in some]
        found = {m.name: m.value for m in benchmark.measures(judged, options) if m.units}
        assert {n: v for n, v in found.items() if not n.startswith("lang")} == pytest.approx(expected)
