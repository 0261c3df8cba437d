"""Self-Instruct against a scripted writer: quotas, refusals, every failure of an endpoint, and a killed run that goes on."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("rapidfuzz", reason="the extra `real` is not installed")

from rlmr.calls import Policy
from rlmr.cli import app
from rlmr.mistake import Mistake
from tests.service_process import ROOT
from tests.trainer.data.scripted_endpoint import completion, endpoint
from trainer.data import endpoint as endpoint_module
from trainer.data.check import check_file
from trainer.data.journal import Journal
from trainer.data.rows import PromptRow, read

EN = [
    "harbor",
    "thread",
    "bell",
    "copper",
    "salt",
    "ladder",
    "orange",
    "map",
    "stone",
    "window",
    "goat",
    "piano",
    "winter",
    "tailor",
    "bridge",
    "moth",
    "comet",
    "bakery",
]
ZH = "港线铃铜盐梯橘图石窗羊琴冬裁桥蛾星面船灯井雪鱼竹"


def ideas(number: int, body: dict[str, Any], tokens: int = 50) -> bytes:
    """Four requests of random words, in the language that was asked."""
    rng = random.Random(f"{number} {body['seed']}")
    chinese = "写作任务" in body["messages"][0]["content"]
    made = []
    for i in range(4):
        words = "".join(rng.choices(ZH, k=14)) if chinese else " ".join(rng.choices(EN, k=9))
        made.append(f"{i + 1}. {'写' if chinese else 'Write of '}{words}{'。' if chinese else '.'}")
    return completion("\n".join(made), tokens)


def run(out: Path, url: str, *more: str) -> Any:
    return CliRunner().invoke(app, ["data", "expand", str(out), "--url", url, "--model", "m", "--send-seed", *more])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(attempts=4, attempt_timeout=3.0, backoff=0.01, repeat_timeouts=True, repeat_unreadable=True)
    monkeypatch.setattr(endpoint_module.Endpoint.__init__, "__defaults__", ("OPENAI_API_KEY", policy))


def test_prompts_are_new_spread_by_quota_constrained_and_of_known_origin(tmp_path: Path) -> None:
    out = tmp_path / "new.jsonl"
    with endpoint(ideas) as (url, asked):
        found = run(out, url, "--count", "72", "--domain", "story", "--domain", "letter", "--domain", "humor")
    assert found.exit_code == 0, found.output
    rows = read(out, PromptRow)
    assert len(rows) == 72
    cells = Counter((row.language, row.domain) for row in rows)
    assert len(cells) == 6 and min(cells.values()) >= 8, cells
    assert set(Counter(row.difficulty for row in rows).values()) == {24}
    assert {(row.provenance["source"], row.provenance["model"]) for row in rows} == {("self-instruct", "m")}
    report = check_file(out)
    assert (report.errors, report.near_duplicates) == (0, [])
    examples = asked[0]["messages"][0]["content"]
    assert len(re.findall(r"^\d\. ", examples, re.MULTILINE)) == 5


def test_what_is_alike_broken_or_leaks_is_refused_and_counted(tmp_path: Path) -> None:
    leak = "Write of the goat and the comet over the frozen bridge at nine."
    (tmp_path / "eval.jsonl").write_text(json.dumps({"prompt": leak}))
    bad = [
        "Write a poem about frost on a greenhouse, please.",  # a seed, nearly
        "Go.",
        "写一个关于船和灯的故事，今天就写。",
        leak,
        "Write " + "very long " * 80,
    ]

    def script(number: int, body: dict[str, Any]) -> Any:
        if number == 0:
            return completion("\n".join(f"{i}) {text}" for i, text in enumerate(bad, 1)))
        if number == 1:
            return completion("I would rather not.")
        if number == 2:
            return completion(
                "1. Write of thread and copper in the tall salt tower.\n2. Write of the ladder tha", finish="length"
            )
        return ideas(number, body)

    with endpoint(script) as (url, _):
        found = run(tmp_path / "out", url, "--count", "5", "--language", "en", "--at-once", "1", "--against", str(tmp_path / "eval.jsonl"), "--plain")  # fmt: skip
    assert found.exit_code == 0, found.output
    for why in (
        "ROUGE-L too high",
        "too short",
        "another language",
        "in an evaluation set",
        "too long",
        "no list in the reply",
        "cut off",
    ):
        assert f"refused, {why}: 1" in found.output, found.output
    assert read(tmp_path / "out", PromptRow)[0].text == "Write of thread and copper in the tall salt tower."


def forever() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


@pytest.mark.parametrize(
    "fault", [500, 503, 429, b'{"choices": [{"mess', b"<html>proxy</html>", b'{"choices": []}', forever], ids=str
)
def test_a_fault_is_asked_again_and_neither_loses_nor_doubles_a_row(tmp_path: Path, fault: Any) -> None:
    def script(number: int, body: dict[str, Any]) -> Any:
        return (fault() if callable(fault) else fault) if number in (1, 3) else ideas(0, body)

    with endpoint(script) as (url, asked):
        found = run(tmp_path / "out", url, "--count", "12", "--at-once", "1", "--language", "en")
    assert found.exit_code == 0, found.output
    assert len(asked) == 5, "three calls and two repeats"
    ids = [row.id for row in read(tmp_path / "out", PromptRow)]
    assert len(ids) == len(set(ids)) == 12


def test_an_endpoint_that_stays_broken_ends_the_run_with_what_to_do_and_the_next_goes_on(tmp_path: Path) -> None:
    with endpoint(lambda number, body: ideas(number, body) if number < 2 else 500) as (url, _):
        found = run(tmp_path / "out", url, "--count", "20", "--at-once", "1")
    assert found.exit_code == 2
    assert "HTTP 500" in found.output and "the same command goes on" in found.output and "Traceback" not in found.output
    with endpoint(lambda number, body: ideas(number + 2, body)) as (url, asked):
        found = run(tmp_path / "out", url, "--count", "20", "--at-once", "1")
    assert found.exit_code == 0 and len(asked) == 3, "the eight of before count"
    with endpoint(lambda number, body: 404) as (url, _):
        assert "check the URL and the model's name" in run(tmp_path / "other", url).output


def test_a_budget_ends_the_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with endpoint(lambda n, body: ideas(n, body, 100)) as (url, _):
        found = run(tmp_path / "out", url, "--count", "100", "--budget", "500", "--at-once", "2")
        assert found.exit_code == 0 and "(budget), 6 calls, 600 tokens" in found.output, found.output
        found = run(tmp_path / "out", url, "--count", "100", "--budget", "900", "--at-once", "2")
        assert "(budget), 10 calls, 1000 tokens" in found.output, found.output
        assert "another seed" in run(tmp_path / "out", url, "--seed", "5").output


def test_a_writer_without_ideas_is_given_up(tmp_path: Path) -> None:
    with endpoint(lambda number, body: completion("1. Write a poem about frost on a greenhouse.")) as (url, _):
        found = run(tmp_path / "out", url, "--count", "4")
    assert found.exit_code == 1 and "60 calls in a row" in found.output


def test_killed_at_any_time_it_goes_on_without_a_lost_or_doubled_row(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    journal = tmp_path / "out.jsonl.journal"

    def slow(number: int, body: dict[str, Any]) -> bytes:
        time.sleep(0.03)
        return ideas(0, body)  # depends on the call's seed only: the same call gives the same rows

    with endpoint(slow) as (url, _):
        arguments = ["--url", url, "--model", "m", "--count", "100", "--at-once", "2", "--send-seed"]
        seen: list[bytes] = []
        for wanted in (2, 9, 16):  # lines in the journal
            process = subprocess.Popen(
                [sys.executable, "-m", "rlmr", "data", "expand", str(out), *arguments],
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
            )
            while not journal.exists() or journal.read_bytes().count(b"\n") < wanted:
                assert process.poll() is None
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen.append(journal.read_bytes())
        with journal.open("ab") as file:
            file.write(b'{"call": 99, "rows": [{"inp')  # and a torn line
        found = CliRunner().invoke(app, ["data", "expand", str(out), *arguments])
        assert found.exit_code == 0, found.output
        found = CliRunner().invoke(app, ["data", "expand", str(tmp_path / "at once"), *arguments])
        assert found.exit_code == 0, found.output
    final = journal.read_bytes()
    for before in seen:
        assert final.startswith(before[: before.rfind(b"\n") + 1]), "no acknowledged line is lost"
    assert out.read_bytes() == (tmp_path / "at once").read_bytes(), "as if it had never been killed"
    assert len({row.id for row in read(out, PromptRow)}) == 100


def test_a_full_disk_leaves_a_whole_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j")
    journal.append({"a": 1})
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))  # what a disk does that fills up
    with pytest.raises(Mistake, match="free some space"):
        journal.append({"b": "long" * 100})
    monkeypatch.undo()
    journal.append({"c": 3})
    journal.close()
    assert (tmp_path / "j").read_text() == '{"a": 1}\n{"c": 3}\n'
