"""Answers and verdicts one by one: what a run keeps, asks again, refuses, and never counts."""

import json
import random
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.data.scripted_endpoint import completion, endpoint
from tests.trainer.evaluation import haiku
from tests.trainer.evaluation.test_complexbench import entry as complex_entry
from tests.trainer.evaluation.test_complexbench import question as complex_question

CRITERIA = [{"name": "Voice", "criteria_description": "d"}, {"name": "Form", "criteria_description": "d"}]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    rows = [{"index": n, "query": f"Write {n}", "checklist": CRITERIA} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    path = tmp_path / "responses.jsonl"
    path.write_text("".join(json.dumps({"index": n, "response": f"text {n}"}) + "\n" for n in range(4)))
    return path


def mark(score: Any) -> str:
    return json.dumps({"score": score, "reason": "because"})


def evaluate(data: Path, responses: Path, out: Path, url: str, *more: object) -> tuple[int, str]:
    judge = ("--judge-url", url, "--judge-model", "critic", "--attempts", "1", "--at-once", "1")
    return haiku.run("writingbench", "--data", data, "--responses", responses, "--out", out, *judge, *more)


def test_what_cannot_be_read_is_counted_and_no_score(data: Path, responses: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    replies = [mark(4), mark(11), mark("9"), "no idea", mark(8), *[mark(6)] * 5]
    with endpoint(lambda number, body: replies[number]) as (url, asked):
        code, printed = evaluate(data, responses, out, url, "--judge-tries", "3")
    assert code == 0, printed
    # Three tries for the second criterion, then it is left: 4, 8 and five times 6.
    assert len(asked) == 10
    assert haiku.figures(out)["overall"] == pytest.approx((4 + 8 + 5 * 6) / 7)
    counts = json.loads((out / "results.json").read_text())["counts"]
    assert (counts["judged"], counts["unparseable"], counts["failed"], counts["judge_tokens"]) == (7, 1, 0, 500)
    assert "1 verdicts could not be read and are not counted" in printed
    # Nothing is asked a second time, whatever could not be read.
    with endpoint(lambda number, body: mark(1)) as (_, again):
        assert evaluate(data, responses, out, url, "--judge-tries", "3")[0] == 0
    assert again == []


def test_a_judge_that_was_cut_off_has_given_no_verdict(tmp_path: Path) -> None:
    """What it copied out may be half of it: a length would be judged that the response does not have."""
    data, responses, out = tmp_path / "data.json", tmp_path / "responses.jsonl", tmp_path / "out"
    data.write_text(json.dumps([complex_entry(1, [complex_question(), complex_question("model_length:[1,3]")])]))
    responses.write_text(json.dumps({"main_id": 1, "generated": "长长长长长"}) + "\n")

    def script(number: int, body: dict[str, Any]) -> str | bytes:
        if "评测对象" in body["messages"][0]["content"]:
            return completion("解释：全文\n评测对象：长长", finish="length")
        return "分析：是诗。\n答案：是"

    with endpoint(script) as (url, _):
        judge = ("--judge-url", url, "--judge-model", "critic")
        assert haiku.run("complexbench", "--data", data, "--responses", responses, "--out", out, *judge)[0] == 0
    counts = json.loads((out / "results.json").read_text())["counts"]
    assert (counts["judged"], counts["unparseable"]) == (1, 1)
    assert [row.get("unparseable") for row in haiku.journal(out / "verdicts.jsonl")].count("cut off at max_tokens") == 1
    assert haiku.run("bundle", out)[0] == 0
    assert haiku.run("verify", tmp_path / "out.zip")[0] == 0


def test_a_refused_call_is_missing_until_it_is_answered(data: Path, responses: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    working = False
    with endpoint(lambda number, body: mark(5) if working or number != 2 else 400) as (url, asked):
        code, printed = evaluate(data, responses, out, url)
        assert code == 1
        assert "1 calls were not answered" in printed
        assert json.loads((out / "results.json").read_text())["counts"]["failed"] == 1
        working = True
        assert evaluate(data, responses, out, url)[0] == 0
    assert len(asked) == 9
    assert json.loads((out / "results.json").read_text())["counts"]["failed"] == 0


def test_an_endpoint_that_is_gone_ends_the_command(data: Path, responses: Path, tmp_path: Path) -> None:
    with endpoint(lambda number, body: mark(5) if number < 2 else 404) as (url, asked):
        code, printed = evaluate(data, responses, tmp_path / "out", url)
    assert code == 2
    assert "the same command goes on from there" in printed
    assert "Traceback" not in printed
    assert len(asked) == 5
    assert len(haiku.journal(tmp_path / "out" / "verdicts.jsonl")) == 2


def test_another_setting_needs_another_folder(data: Path, responses: Path, tmp_path: Path) -> None:
    with endpoint(lambda number, body: mark(5)) as (url, asked):
        assert evaluate(data, responses, tmp_path / "out", url)[0] == 0
        code, printed = evaluate(data, responses, tmp_path / "out", url, "--judge-sampling", "top_p=0.5")
        assert code == 2
        assert "begun with another judge.sampling.top_p" in printed
        responses.write_text(responses.read_text().replace("text 1", "text one"))
        assert "begun with another responses.sha256" in evaluate(data, responses, tmp_path / "out", url)[1]
    assert all(body["temperature"] == 1.0 and body["top_p"] == 0.95 for body in asked)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", "tone=dry"), "writingbench has no such option (it has: subsets, prompt, system)"),
        (("--set", "subsets=nowhere"), "No such file"),
        (("--set", "subsets"), "NAME=VALUE is needed"),
        (("--judge-sampling", "temperature=hot"), "a number of at least 0 is needed"),
        (("--judge-sampling", "stream=true"), "is not a parameter of sampling"),
        (("--model", "http://127.0.0.1:1"), "either --responses FILE, or --model"),
    ],
)
def test_mistakes_are_named(data: Path, responses: Path, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    code, printed = evaluate(data, responses, tmp_path / "out", "http://127.0.0.1:1", *more)
    assert code == 2
    assert said in printed
    assert not (tmp_path / "out").exists()


def test_responses_that_were_cut_off_are_counted(data: Path, tmp_path: Path) -> None:
    def script(number: int, body: dict[str, Any]) -> str | bytes:
        if body["model"] == "critic":
            return mark(5)
        if number == 0:  # a thinking model that was cut off: the server splits off what it thought, and nothing is left
            return completion(None, finish="length")
        return completion("a tale")

    with endpoint(script) as (url, asked):
        model = ("--model", url, "--model-name", "poet", "--sampling", "top_p=0.9", "--sampling", "max_tokens=7")
        judge = ("--judge-url", url, "--judge-model", "critic")
        assert haiku.run("writingbench", "--data", data, "--out", tmp_path / "out", *model, *judge)[0] == 0
    assert {(b["max_tokens"], b["top_p"]) for b in asked if b["model"] == "poet"} == {(7, 0.9)}
    assert json.loads((tmp_path / "out" / "results.json").read_text())["counts"]["cut_off"] == 1
    assert [row["response"] for row in haiku.journal(tmp_path / "out" / "responses.jsonl")].count("") == 1
    # A server without a list of models is no failure.
    assert [row["judge"] for row in haiku.journal(tmp_path / "out" / "commands.jsonl") if "judge" in row] == [None]


def killed_ten_times(command: list[str], site: Path, asked: list[dict[str, Any]]) -> None:
    """SIGKILL after one to 23 calls, ten times; then it may end."""
    draw = random.Random(15)
    for _ in range(10):
        until = len(asked) + draw.randrange(1, 24)
        process = subprocess.Popen(
            command, env=haiku.environment(site), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(asked) < until and process.poll() is None:
            time.sleep(0.002)
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.wait()
    done = subprocess.run(command, env=haiku.environment(site), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_killed_ten_times_nothing_is_lost_or_double(site: Path, tmp_path: Path) -> None:
    count = 150
    data, out = haiku.write_data(tmp_path / "haiku.jsonl", count), tmp_path / "out"

    def slow(number: int, body: dict[str, Any]) -> str:
        time.sleep(0.02)
        return haiku.answers(body)

    with endpoint(slow) as (url, asked):
        model = ("--model", url, "--model-name", "poet", "--judge-url", url, "--judge-model", "critic")
        killed_ten_times(haiku.command("haiku", "--data", data, "--out", out, *model, "--at-once", "4"), site, asked)
        total = len(asked)
    answered = Counter(row["key"] for row in haiku.journal(out / "responses.jsonl"))
    verdicts = Counter((row["key"], row["question"]) for row in haiku.journal(out / "verdicts.jsonl"))
    assert answered == Counter({str(n): 1 for n in range(count)})
    assert verdicts == Counter({(str(n), q): 1 for n in range(count) for q in ("lines", "season")})
    # A kill loses at most what was under way.
    assert 2 * count <= total <= 2 * count + 10 * 4
    assert haiku.figures(out) == {"season": 0.5, "lines": 0.8}


def test_pairwise_killed_ten_times_loses_and_doubles_nothing(site: Path, tmp_path: Path) -> None:
    count = 130
    data, out = haiku.write_data(tmp_path / "prompts.jsonl", count), tmp_path / "out"
    files: list[object] = []
    for name in ("a", "b"):
        rows = [json.dumps({"key": n, "response": f"{name} {n}"}) for n in range(count)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
        files += ["--responses", f"{name}={tmp_path / name}.jsonl"]

    def slow(number: int, body: dict[str, Any]) -> str:
        time.sleep(0.02)
        return json.dumps({"reason": "so", "winner": "A"})

    with endpoint(slow) as (url, asked):
        judge = ("--judge-url", url, "--judge-model", "critic", "--at-once", "4")
        killed_ten_times(haiku.command("pairwise", "--data", data, *files, *judge, "--out", out), site, asked)
        total = len(asked)
    verdicts = Counter((row["key"], row["question"]) for row in haiku.journal(out / "verdicts.jsonl"))
    assert verdicts == Counter({(str(n), order): 1 for n in range(count) for order in ("a b", "b a")})
    assert len(haiku.journal(out / "responses.jsonl")) == 2 * count
    assert 2 * count <= total <= 2 * count + 10 * 4
    assert json.loads((out / "results.json").read_text())["pairs"][0]["first_place"]["value"] == 1.0


def test_a_limit_takes_the_first_prompts_of_data_and_responses(data: Path, responses: Path, tmp_path: Path) -> None:
    with endpoint(lambda number, body: mark(5)) as (url, asked):
        code, printed = evaluate(data, responses, tmp_path / "out", url, "--limit", "2")
    assert code == 0, printed
    assert len(asked) == 4
    assert json.loads((tmp_path / "out" / "results.json").read_text())["counts"]["prompts"] == 2


def test_two_commands_in_one_folder_do_not_mix(data: Path, responses: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, printed = evaluate(data, responses, out, "http://127.0.0.1:1")
    assert code == 2
    assert "another command works in this folder" in printed


def test_whatever_a_model_writes_is_kept_and_shown_as_text(tmp_path: Path) -> None:
    """Half a surrogate pair (a stream cut in an emoji), mark-up, control characters: journals, pages and the bundle hold them."""
    task = {"key": 1, "prompt": "p <b>", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    data, responses, out = tmp_path / "data.jsonl", tmp_path / "responses.jsonl", tmp_path / "out"
    data.write_text(json.dumps(task) + "\n")
    text = "half \ud83d, <script>alert(1)</script> \x00 \u2028 \u202e end"
    responses.write_text(json.dumps({"key": 1, "response": text}) + "\n")
    code, printed = haiku.run("ifeval", "--data", data, "--responses", responses, "--out", out)
    assert code == 0, printed
    assert [json.loads(line)["response"] for line in (out / "responses.jsonl").read_text().split("\n")[:-1]] == [text]
    page = (out / "index.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert haiku.run("bundle", out)[0] == 0
    code, printed = haiku.run("verify", tmp_path / "out.zip")
    assert code == 0, printed
