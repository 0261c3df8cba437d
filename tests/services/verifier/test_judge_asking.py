"""How the judge is asked: order, language, sampling, thinking, votes, conditions, all constraints at once, prompts from a folder."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.verifier.judge.asked_language import is_conditional, language_of
from services.verifier.judge.form import CONDITIONAL, PLAIN, forms_of
from services.verifier.judge.prompt_files import prompts_of
from services.verifier.judge.split import split_format
from services.verifier.settings import VerifierSettings
from tests.services.verifier.scripted_judge import ScriptedJudge, completion, verdict
from tests.services.verifier.test_judge import ask, verifier

AUTUMN = {"type": "judge", "text": "The text sounds like autumn."}
SPEECH = {"type": "judge", "text": "If somebody speaks, the speech is in quotation marks."}


@pytest.fixture
def judge() -> Iterator[ScriptedJudge]:
    with ScriptedJudge(lambda body: verdict(True)) as scripted:
        yield scripted


def shown(body: dict[str, Any]) -> str:
    return "\n".join(str(m["content"]) for m in body["messages"])


def shared(bodies: list[dict[str, Any]]) -> str:
    """What the calls have in common from their first letter on."""
    first, last = min(texts := [shown(b) for b in bodies]), max(texts)
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def test_the_constraints_of_one_response_share_all_that_comes_before_them(judge: ScriptedJudge) -> None:
    with verifier(judge) as client:
        ask(client, "The leaves lie deep.", [AUTUMN, {"type": "judge", "text": "It is calm."}])
    assert len(judge.bodies) == 2
    assert "The leaves lie deep." in shared(judge.bodies)
    assert shared(judge.bodies).endswith("The one requirement to examine:\n")


def test_the_samples_of_one_prompt_share_instructions_and_task(judge: ScriptedJudge) -> None:
    with verifier(judge) as client:
        ask(client, "The leaves lie deep.")
        ask(client, "Another text altogether.")
    assert "Write of autumn." in shared(judge.bodies)


def test_a_chinese_task_is_asked_about_in_chinese(judge: ScriptedJudge) -> None:
    with verifier(judge) as client:
        ask(client, "雪落在屋顶上。", [{"type": "judge", "text": "It is calm."}], prompt="写一个关于冬天的故事。")
    assert "要审查的这一条要求" in shown(judge.bodies[0])
    assert "你是一名写作审查员" in shown(judge.bodies[0])
    with verifier(judge, judge_language="en") as client:
        ask(client, "雪落在屋顶上。", prompt="写一个关于冬天的故事。")
    assert "The one requirement to examine" in shown(judge.bodies[1])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("写一个故事。", "zh"),
        ("写一篇介绍 Docker 的短文。", "zh"),
        ("Translate 你好 into English, please.", "en"),
        ("短い物語を書いてください。", "en"),
        ("Écris une histoire.", "en"),
        ("… 42", None),
    ],
)
def test_the_language_is_that_of_most_of_a_text(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_a_task_without_letters_is_asked_about_in_the_requirements_language(judge: ScriptedJudge) -> None:
    with verifier(judge) as client:
        ask(client, "雪落在屋顶上。", [{"type": "judge", "text": "文章要平静。"}, AUTUMN], prompt="42")
    assert sorted("要审查的这一条要求" in shown(body) for body in judge.bodies) == [False, True]


def test_sampling_is_as_set_and_what_is_omitted_is_not_sent(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_temperature="omit", judge_top_p="omit", judge_seed="omit") as client:
        ask(client, "leaves")
    assert not {"temperature", "top_p", "seed", "chat_template_kwargs"} & set(judge.bodies[0])
    extra = {"reasoning_effort": "low", "top_k": 20}
    with verifier(judge, judge_temperature=0.6, judge_top_p=0.95, judge_seed=7, judge_extra_body=extra) as client:
        ask(client, "leaves")
    body = judge.bodies[1]
    assert (body["temperature"], body["top_p"], body["seed"], body["top_k"]) == (0.6, 0.95, 7, 20)
    assert body["reasoning_effort"] == "low"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SEED": "omit", "TEMPERATURE": "0.6", "VOTES": "3", "EXTRA_BODY": '{"top_k": 20}'}
    for name, value in given.items():
        monkeypatch.setenv(f"RLMR_VERIFIER_JUDGE_{name}", value)
    settings = VerifierSettings()
    assert (settings.judge_seed, settings.judge_temperature, settings.judge_votes) == ("omit", 0.6, 3)
    assert settings.judge_extra_body == {"top_k": 20}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"judge_extra_body": {"messages": []}}, "messages"),
        ({"judge_votes": 3}, "judge_temperature"),
        ({"judge_votes": 3, "judge_mode": "yes_no", "judge_temperature": 1}, "judge_votes 1"),
        ({"judge_mode": "yes_no", "judge_thinking": "on"}, "judge_thinking off"),
        ({"judge_prompts": "/no/such/folder"}, "no such folder"),
    ],
)
def test_settings_that_do_not_fit_each_other_name_the_remedy(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        VerifierSettings(**settings)


def test_a_thinking_judge_is_given_tokens_for_it_and_its_verdict_comes_after(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: completion(
        'It says {"verdict": "met"}. Hm.\n</think>\n\n{"reason": "r", "verdict": "violated"}'
    )
    with verifier(judge, judge_thinking="on", judge_thinking_tokens=1000, judge_max_tokens=100) as client:
        assert ask(client, "leaves")["passed"] is False
    assert judge.bodies[0]["chat_template_kwargs"] == {"enable_thinking": True, "thinking": True}
    assert judge.bodies[0]["max_tokens"] == 1100
    with verifier(judge, judge_thinking="off") as client:  # thinks all the same: no verdict in prose
        assert ask(client, "leaves")["status"] == "unparseable"
    assert judge.bodies[1]["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}


def test_a_judge_that_thinks_until_its_tokens_are_spent_gives_no_verdict(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: completion(None, "length")
    with verifier(judge, judge_thinking="on") as client:
        result = ask(client, "leaves")
    assert (result["status"], result["passed"]) == ("unparseable", None)
    assert "length" in result["reason"]


def _tokens(**probabilities: float) -> dict[str, Any]:
    top = [{"token": token, "logprob": math.log(p)} for token, p in probabilities.items()]
    return completion("是", logprobs={"content": [{"token": "是", "logprob": -0.1, "top_logprobs": top}]})


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        (_tokens(是=0.7, 否=0.2), True),
        (_tokens(是=0.3, 否=0.3, 不=0.3), False),
        (_tokens(是=0.3, Yes=0.3, 否=0.35), True),
    ],
)
def test_yes_and_no_are_read_in_chinese_too(judge: ScriptedJudge, answer: dict[str, Any], passed: bool) -> None:
    judge.answer = lambda body: answer
    with verifier(judge, judge_mode="yes_no") as client:
        assert ask(client, "雪落在屋顶上。", prompt="写一个故事。")["passed"] is passed
    assert "是 或 否" in shown(judge.bodies[0])


# -- votes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "status", "passed"),
    [
        ([True, False, True], "ok", True),
        ([False, False, True], "ok", False),
        ([True, True, None], "ok", True),
        ([True, False, None], "unparseable", None),
        ([True, False], "unverifiable", None),
        ([True, True, False, False], "unverifiable", None),
        ([True, None, None], "unparseable", None),
    ],
)
def test_more_than_half_of_the_votes_decide_and_a_tie_stays_unknown(
    judge: ScriptedJudge, answers: list[bool | None], status: str, passed: bool | None
) -> None:
    judge.answer = lambda body: completion("?") if (said := answers[body["seed"]]) is None else verdict(said)
    with verifier(judge, judge_votes=len(answers), judge_temperature=0.7) as client:
        result = ask(client, "leaves")
    assert (result["status"], result["passed"]) == (status, passed)
    assert sorted(body["seed"] for body in judge.bodies) == list(range(len(answers)))
    if passed is not None:
        assert f"of {len(answers)} votes" in result["constraints"][0]["reason"]


def test_votes_count_against_the_budget_of_the_request(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_votes=3, judge_temperature=1, judge_calls_per_request=5) as client:
        result = ask(client, "leaves", [AUTUMN, SPEECH])
    assert [c["status"] for c in result["constraints"]] == ["ok", "unavailable"]
    assert len(judge.bodies) == 3


# -- conditions -------------------------------------------------------------------------------------------------------------


def test_a_condition_that_does_not_occur_is_obeyed_and_the_reason_says_so(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: completion('{"reason": "nobody speaks", "verdict": "not_applicable"}')
    with verifier(judge) as client:
        result = ask(client, "The leaves lie deep.", [SPEECH])
        metrics = client.get("/metrics").text
    assert (result["status"], result["passed"]) == ("ok", True)
    assert result["constraints"][0]["reason"] == "not applicable: nobody speaks"
    assert 'rlmr_verifier_judge_answers_total{answer="not_applicable"} 1.0' in metrics


def test_a_requirement_without_a_condition_cannot_be_inapplicable(judge: ScriptedJudge) -> None:
    """Neither offered nor accepted: it would be a way round every requirement."""
    judge.answer = lambda body: completion('{"reason": "r", "verdict": "not_applicable"}')
    with verifier(judge) as client:
        result = ask(client, "The leaves lie deep.", [AUTUMN])
    assert (result["status"], result["passed"]) == ("unparseable", None)
    offered = judge.bodies[0]["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"]
    assert offered == ["met", "violated"]


@pytest.mark.parametrize(
    ("constraint", "conditional"),
    [
        ("If a letter is quoted, it stands in italics.", True),
        ("Unless the hero dies, the ending is happy.", True),
        ("When somebody speaks, it is in dialect.", True),
        ("如果出现人物对话，请用引号。", True),
        ("若有地名，须用真实地名。", True),
        ("提到数字时，必须写成汉字。", True),
        ("The story is told by an old dog.", False),
        ("The ending should be sad.", False),
        ("故事的基调是悲伤的，并且发生在冬天。", False),
        ("写出小时候的一件事。", False),
        ("当代风格，语气平静。", False),
    ],
)
def test_which_requirements_have_a_condition(constraint: str, conditional: bool) -> None:
    assert is_conditional(constraint) is conditional


# -- all constraints in one call (mode paper) ---------------------------------------------------------------------------------

THREE = [AUTUMN, {"type": "punctuation:no_comma"}, SPEECH]


def test_paper_mode_asks_once_about_everything_rules_too(judge: ScriptedJudge) -> None:
    with verifier(judge, judge_mode="paper") as client:
        result = ask(client, "Leaves, leaves.", THREE)
        assert ask(client, "Leaves, leaves.", THREE) == result
    assert result["passed"] is True  # the rule would have said otherwise: the published method has none
    assert [c["passed"] for c in result["constraints"]] == [True] * 3
    assert len(judge.bodies) == 1
    asked = shown(judge.bodies[0])
    assert all(f"{i}. " in asked for i in (1, 2, 3))
    assert "comma" in asked


def test_paper_mode_tells_no_constraint_apart_and_the_sample_fails(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: verdict(False, "no autumn")
    with verifier(judge, judge_mode="paper") as client:
        result = ask(client, "Leaves.", THREE)
        alone = ask(client, "Leaves.", [AUTUMN])
        unlisted = ask(client, "Leaves.", None)
        wrong = ask(client, "Leaves.", [{"type": "no:such"}])
    assert (result["status"], result["passed"]) == ("ok", False)
    assert [(c["status"], c["passed"]) for c in result["constraints"]] == [("unverifiable", None)] * 3
    assert (alone["passed"], alone["constraints"][0]["passed"]) == (False, False)
    assert (unlisted["passed"], len(unlisted["constraints"])) == (False, 1)
    assert wrong["status"] == "invalid_input"
    assert "Every requirement that the task sets" in shown(judge.bodies[-1])


def test_paper_mode_passes_a_failure_on(judge: ScriptedJudge) -> None:
    judge.answer = lambda body: completion("met")
    with verifier(judge, judge_mode="paper") as client:
        result = ask(client, "Leaves.", THREE)
    assert (result["status"], result["passed"]) == ("unparseable", None)


# -- tokens -----------------------------------------------------------------------------------------------------------------


def test_tokens_are_counted_per_verdict_also_of_answers_that_cannot_be_read(judge: ScriptedJudge) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}
    judge.answer = lambda body: completion('{"reason": "r", "verdict": "met"}', usage=usage)
    judge.faults = [completion("?", usage=usage)]
    with verifier(judge) as client:
        for response in ("one", "two", "three"):
            ask(client, response)
        judge.answer = lambda body: verdict(True)  # an endpoint that does not tell
        ask(client, "four")
        metrics = client.get("/metrics").text
        told = client.get("/v1/info").json()["details"]["judge_usage"]
    assert 'rlmr_verifier_judge_tokens_total{kind="prompt",purpose="verdict"} 300.0' in metrics
    assert 'rlmr_verifier_judge_tokens_total{kind="cached",purpose="verdict"} 180.0' in metrics
    assert (told["verdicts"], told["calls"], told["calls_without_usage"]) == (3, {"verdict": 4}, 1)
    assert told["tokens"]["verdict"]["completion"] == 60
    assert told["per_verdict"]["prompt"] == 100.0


@pytest.mark.parametrize("usage", [None, 3, {}, {"prompt_tokens": "many"}, {"prompt_tokens": -1}, {"prompt_tokens_details": 1}])  # fmt: skip
def test_what_is_no_count_of_tokens_counts_nothing(judge: ScriptedJudge, usage: Any) -> None:
    judge.answer = lambda body: {**completion('{"reason": "r", "verdict": "met"}'), "usage": usage}
    with verifier(judge) as client:
        assert ask(client, "one")["passed"] is True
        told = client.get("/v1/info").json()["details"]["judge_usage"]
    assert (told["calls_without_usage"], told["per_verdict"]) == (1, None)


# -- grammar ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (PLAIN.answer_schema, '{"reason": "It says \\"I am lost\\".\\nTwice.", "verdict": "violated"}'),
        (CONDITIONAL.answer_schema, '{"reason": "他说：\\"走了\\"。", "verdict": "not_applicable"}'),
        (
            split_format()["json_schema"]["schema"],
            '{"constraints": [{"text": "It ends with \\"and so to bed\\".", "type": "judge", "kwargs": {}}]}',
        ),
    ],
)
def test_the_grammar_lets_the_judge_quote_in_the_order_that_the_prompt_shows(schema: Any, text: str) -> None:
    xgrammar = pytest.importorskip("xgrammar")
    from xgrammar.testing import _is_grammar_accept_string as accepts

    assert accepts(xgrammar.Grammar.from_json_schema(json.dumps(schema), any_whitespace=False), text)


# -- prompts and form from a folder -------------------------------------------------------------------------------------------

GRADES = {
    "schema": {
        "type": "object",
        "properties": {"grade": {"type": "string", "enum": ["A", "B", "F"]}, "because": {"type": "string"}},
        "required": ["grade", "because"],
    },
    "verdict": "grade",
    "reason": "because",
    "met": ["A", "B"],
    "violated": ["F"],
}


def folder(path: Path, form: Any = GRADES, **files: str) -> Path:
    (path / "en").mkdir(exist_ok=True)
    for name, text in files.items():
        (path / "en" / f"{name}.txt").write_text(text, encoding="utf-8")
    if form is not None:
        (path / "form.json").write_text(json.dumps(form), encoding="utf-8")
    return path


USER = "Grade {{response}} for {{constraint}}, as set by {{prompt}} ({{key}})."


def test_a_folder_brings_its_prompt_its_schema_and_how_answers_are_read(judge: ScriptedJudge, tmp_path: Path) -> None:
    prompts = folder(tmp_path, verdict_user=USER, verdict_system="You grade.")
    judge.answer = lambda body: completion(
        json.dumps({"grade": "B" if "leaves" in shown(body) else "F", "because": "it is so"})
    )
    with verifier(judge, judge_prompts=prompts) as client:
        kept, broken = ask(client, "leaves"), ask(client, "sun")
        named = client.get("/v1/info").json()["details"]["verifier"]["judge"]
    assert (kept["passed"], kept["constraints"][0]["reason"], broken["passed"]) == (True, "it is so", False)
    assert shown(judge.bodies[0]).startswith(
        "You grade.\nGrade leaves for The text sounds like autumn., as set by Write"
    )
    assert judge.bodies[0]["response_format"]["json_schema"]["schema"] == GRADES["schema"]
    judge.answer = lambda body: completion('{"grade": "C", "because": "r"}')
    with verifier(judge, judge_prompts=prompts) as client:
        assert ask(client, "leaves")["status"] == "unparseable"
    (tmp_path / "en" / "verdict_system.txt").write_text("You grade mildly.")
    with verifier(judge, judge_prompts=prompts) as client:
        assert client.get("/v1/info").json()["details"]["verifier"]["judge"] != named


def test_a_mounted_configmap_is_such_a_folder_too(tmp_path: Path) -> None:
    """Flat names; the files stand in a hidden folder, and links to them beside it."""
    (hidden := tmp_path / "..2026_11_27").mkdir()
    for name, text in (("en.verdict_user.txt", USER), ("form.json", json.dumps(GRADES))):
        (hidden / name).write_text(text)
        (tmp_path / name).symlink_to(hidden / name)
    assert (
        prompts_of(tmp_path)
        .fill("en", "verdict_user", prompt="p", key="k", response="r", constraint="c")
        .startswith("Grade r for c")
    )
    assert forms_of(tmp_path)[0].verdict == "grade"


@pytest.mark.parametrize(
    ("form", "files", "named"),
    [
        (None, {}, "neither a prompt"),
        (None, {"verdict": USER}, "not a prompt; known are"),
        (None, {"verdict_user": USER + "{{rubric}}"}, "unknown field {{rubric}}"),
        (None, {"verdict_user": "Is {{response}} met? {{key}} {{prompt}}"}, "without the field {{constraint}}"),
        ({**GRADES, "verdict": "mark"}, {}, "'mark' is missing"),
        ({**GRADES, "violated": ["A"]}, {}, "two meanings"),
        ({**GRADES, "parser": "x"}, {}, "parser"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, form: Any, files: dict[str, str], named: str
) -> None:
    import re

    with pytest.raises(ValidationError, match=re.escape(named)):
        VerifierSettings(judge_prompts=folder(tmp_path, form, **files))
