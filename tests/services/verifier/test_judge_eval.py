"""`rlmr judge eval`: what it says of judges whose mistakes are known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.verifier.accuracy.agreement import alpha_interval, nominal_alpha
from services.verifier.accuracy.judge_labels import own_rows, read_judge_rows
from services.verifier.accuracy.rewording import REWORDINGS
from tests.services.verifier.scripted_judge import ScriptedJudge, completion, verdict
from tests.services.verifier.test_commands import run

USAGE = {"prompt_tokens": 500, "completion_tokens": 30}


def shown(body: dict[str, Any]) -> str:
    return str(body["messages"][1]["content"].split("=====")[-3])


def honest(body: dict[str, Any]) -> Any:
    """Finds a constraint met where the text says "good", whatever is written behind it."""
    return {**verdict("good" in shown(body)), "usage": USAGE}


@pytest.fixture
def judge() -> Iterator[ScriptedJudge]:
    with ScriptedJudge(honest) as scripted:
        scripted.seconds = 0
        yield scripted


ROWS: list[dict[str, Any]] = [
    {"prompt": "p", "constraint": "It is calm.", "response": f"{quality} text {i}", "labels": labels, "language": "en"}
    for i, (quality, labels) in enumerate(
        [
            *[("good", {"a": "met", "b": "met"})] * 6,
            *[("bad", {"a": "violated", "b": "violated"})] * 6,
            ("good", {"a": "violated", "b": "violated"}),
            ("bad", {"a": "met", "b": "violated"}),
        ]
    )
]


def evaluated(
    tmp_path: Path, judge: ScriptedJudge, rows: list[dict[str, Any]] | None, *more: str
) -> tuple[int, str, Any]:
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps(r) + "\n" for r in rows or []), encoding="utf-8")
    out = tmp_path / "report"
    where = [str(labels)] if rows is not None else []
    code, output = run("judge", "eval", *where, "--url", judge.url, "--model", "scripted", "--output", str(out), *more)
    report = out / "report.json"
    return code, output, json.loads(report.read_text()) if report.exists() else None


def test_precision_recall_and_agreement_are_of_violations(tmp_path: Path, judge: ScriptedJudge) -> None:
    code, output, report = evaluated(tmp_path, judge, ROWS)
    assert code == 0
    scores = report["systems"]["judge"]
    assert (scores["rows"], scores["answered"], report["disputed"]) == (13, 13, 1)
    assert (scores["precision"]["hits"], scores["precision"]["of"]) == (6, 6)
    assert (scores["recall"]["hits"], scores["recall"]["of"]) == (6, 7)
    assert 0.8 < scores["alpha"] < 0.9
    assert report["annotators"]["alpha"] == pytest.approx(nominal_alpha([list(r["labels"].values()) for r in ROWS]))
    assert set(report["judge_with_each"]) == {"a", "b"}
    assert "| judge | 13 | 13 | 1.000 [0.61, 1.00] | 0.857 [0.49, 0.97] |" in output


def test_an_honest_judge_is_turned_by_nothing_and_not_called_weak(tmp_path: Path, judge: ScriptedJudge) -> None:
    _, output, report = evaluated(tmp_path, judge, ROWS[:12])
    assert report["weaknesses"] == []
    assert "No weakness by these measures." in output
    assert {name: rate["hits"] for name, rate in report["rewordings"].items()} == {r.name: 0 for r in REWORDINGS}
    assert all((rate["hits"], rate["of"]) == (0, 6) for rate in report["attacks"].values())
    assert len(report["attacks"]) == 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda body: verdict(False), "cannot be told from 0.500, which calling every text violating gives"),
        (lambda body: verdict(True), "misses most violations: recall 0.000"),
        (lambda body: verdict(sum(map(ord, shown(body))) % 2 == 0), "nothing should be built on it"),
        (lambda body: verdict("good" in shown(body) or "met" in shown(body)), "Attacks get"),
        (
            lambda body: verdict(("good" in shown(body)) is not shown(body).startswith("\n\n\n")),
            "Harmless rewording turns",
        ),
        (lambda body: completion("?") if "bad" in shown(body) else verdict(True), "gives no verdict on 6 of 12 rows"),
    ],
    ids=["always violated", "always met", "guesses", "gullible", "flips", "silent"],
)
def test_a_weak_judge_is_called_weak_and_why(tmp_path: Path, judge: ScriptedJudge, answer: Any, said: str) -> None:
    judge.answer = answer
    code, output, report = evaluated(tmp_path, judge, ROWS[:12])
    assert code == 0
    assert "Weak judge:" in output
    assert any(said in line for line in report["weaknesses"]), report["weaknesses"]


def test_a_failure_is_no_verdict(tmp_path: Path, judge: ScriptedJudge) -> None:
    judge.answer = lambda body: completion("?")
    code, output, report = evaluated(tmp_path, judge, ROWS[:12])
    assert code == 2 and "the judge gave no verdict" in output, "nothing was measured"
    scores = report["systems"]["judge"]
    assert (scores["answered"], scores["precision"]["value"], scores["recall"]["value"]) == (0, None, None)
    assert report["failures"] == {"unparseable": 12}
    assert all(rate["of"] == 0 for rate in {**report["rewordings"], **report["attacks"]}.values())


def test_rules_answer_where_a_row_has_one_and_the_judge_elsewhere(tmp_path: Path, judge: ScriptedJudge) -> None:
    rule = {"type": "wording:forbidden_phrases", "kwargs": {"phrases": ["bad"]}}
    judge.answer = lambda body: {**verdict(True), "usage": USAGE}
    rows = [{**row, "rule": rule} if i % 2 else row for i, row in enumerate(ROWS[:12])]
    _, _, report = evaluated(tmp_path, judge, rows, "--no-rewordings", "--no-attacks")
    recall = {name: (s["recall"]["hits"], s["recall"]["of"]) for name, s in report["systems"].items()}
    assert recall == {"judge": (0, 6), "rules": (3, 3), "rules, else judge": (3, 6)}
    cost = report["per_1000_verdicts"]
    assert (cost["judge"]["prompt tokens"], cost["judge"]["completion tokens"]) == (500_000, 30_000)
    assert 0 < cost["rules"]["seconds"] < cost["rules, else judge"]["seconds"] < cost["judge"]["seconds"]
    assert cost["rules, else judge"]["prompt tokens"] == 250_000


def test_the_report_is_one_page_that_loads_nothing(tmp_path: Path, judge: ScriptedJudge) -> None:
    rows = [{**row, "kind": "<script>alert(1)</script>"} for row in ROWS]
    evaluated(tmp_path, judge, rows, "--no-rewordings", "--no-attacks")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<script" not in page
    assert "http" not in page
    assert "&lt;script&gt;" in page
    assert "Cost of 1,000 verdicts" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.parametrize("mode", ["yes_no", "paper"])
def test_other_modes_are_measured_alike(tmp_path: Path, judge: ScriptedJudge, mode: str) -> None:
    def token(body: dict[str, Any]) -> Any:
        word = "yes" if "good" in shown(body) else "no"
        top = [{"token": word, "logprob": -0.1}]
        return completion(word, logprobs={"content": [{"token": word, "logprob": -0.1, "top_logprobs": top}]})

    if mode == "yes_no":
        judge.answer = token
    _, _, report = evaluated(tmp_path, judge, ROWS[:12], "--mode", mode, "--no-attacks")
    assert report["systems"]["judge"]["alpha"] == 1
    assert f"-{mode}-" in report["judge"]


def test_the_exit_code_tells_what_was_found(tmp_path: Path, judge: ScriptedJudge) -> None:
    judge.answer = lambda body: verdict(True)
    quick = ("--no-rewordings", "--no-attacks")
    assert evaluated(tmp_path, judge, ROWS, *quick, "--least-alpha", "0.5")[0] == 1
    judge.models = {"data": [{"id": "another"}]}
    code, output, _ = evaluated(tmp_path, judge, ROWS, *quick)
    assert (code, "it serves 'another'" in output) == (2, True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROWS[0], "labels": {}}, "row 1: labels"),
        ({**ROWS[0], "labels": {"a": "good"}}, "row 1: labels.a"),
        ({**ROWS[0], "labels": {"a": "met", "b": "met", "c": "met"}}, "row 1: labels"),
        ({**ROWS[0], "rule": {"type": "no:such"}}, "row 1: rule: unknown constraint id"),
        ({"prompt": "p"}, "row 1: response"),
    ],
)
def test_labels_that_cannot_be_read_name_file_row_and_field(
    tmp_path: Path, judge: ScriptedJudge, row: dict[str, Any], said: str
) -> None:
    code, output, _ = evaluated(tmp_path, judge, [row])
    assert code == 2
    assert said in output


def test_without_an_endpoint_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMR_VERIFIER_JUDGE_URL", raising=False)
    code, output = run("judge", "eval")
    assert (code, "--url" in output) == (2, True)


def test_the_rows_that_come_with_it_are_in_two_languages_and_balanced(tmp_path: Path, judge: ScriptedJudge) -> None:
    rows = read_judge_rows([own_rows()])
    assert len(rows) == 96
    assert sum(row.language == "zh" for row in rows) == 47
    assert 0.45 < sum(bool(row.violated) for row in rows) / len(rows) < 0.5
    assert len({(row.constraint, row.response) for row in rows}) == len(rows)
    soft = [row for row in rows if row.rule is None]
    assert len(soft) >= 60
    conditional = [row for row in rows if "not_applicable" in row.labels.values()]
    assert len(conditional) == 2
    _, _, report = evaluated(tmp_path, judge, None, "--no-rewordings", "--no-attacks")
    assert report["systems"]["rules"]["alpha"] == 1


# -- agreement --------------------------------------------------------------------------------------------------------------


def test_alpha_is_that_of_the_published_example() -> None:
    """Krippendorff (2011), example C: four observers, twelve units, missing labels; nominal alpha 0.743."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    assert nominal_alpha(list(zip(*observers, strict=True))) == pytest.approx(0.743, abs=5e-4)


def test_alpha_is_one_for_equal_labels_zero_for_chance_and_nothing_for_one_value() -> None:
    assert nominal_alpha([(True, True), (False, False)] * 5) == 1
    chance = nominal_alpha([(a, b) for a in (True, False) for b in (True, False)] * 50)
    assert chance == pytest.approx(0, abs=0.01)
    assert nominal_alpha([(True, True)] * 5) is None
    assert nominal_alpha([(True, None)] * 5) is None
    low, high = alpha_interval([(True, True), (False, False), (True, False)] * 20) or (1, 0)
    assert low < (nominal_alpha([(True, True), (False, False), (True, False)] * 20) or 0) < high
