"""Ctrl-C in the middle of a long command: it ends at once, says what is kept and that the same command goes on, and that is true."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rapidfuzz", reason="the extra `real` is not installed")

from tests.service_process import ROOT
from tests.trainer.data.scripted_endpoint import endpoint
from tests.trainer.data.test_expand import ideas

ASKED_BEFORE = 3
# As in a terminal, even where the tests run in the background of a shell that lets its jobs ignore Ctrl-C.
RLMR = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('rlmr', run_name='__main__')"


def eval_judged(folder: Path, url: str) -> list[object]:
    criteria = [{"name": "Voice", "criteria_description": "d"}]
    rows = [{"index": n, "query": f"Write {n}", "checklist": criteria} for n in range(6)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "said.jsonl").write_text(
        "".join(json.dumps({"index": n, "response": f"text {n}"}) + "\n" for n in range(6))
    )
    files = ["--data", folder / "data.jsonl", "--responses", folder / "said.jsonl", "--out", folder / "out"]
    return ["eval", "writingbench", *files, "--judge-url", url, "--judge-model", "critic", "--at-once", "1"]


def eval_pairwise(folder: Path, url: str) -> list[object]:
    rows = [{"key": n, "prompt": f"Ask {n}"} for n in range(6)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files: list[object] = ["--data", folder / "data.jsonl", "--out", folder / "out"]
    for name in "ab":
        said = [{"key": n, "response": f"{name} {n}"} for n in range(6)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
        files += ["--responses", f"{name}={folder / name}.jsonl"]
    return ["eval", "pairwise", *files, "--judge-url", url, "--judge-model", "critic", "--at-once", "1"]


def data_expand(folder: Path, url: str) -> list[object]:
    asked = [
        "--url",
        url,
        "--model",
        "m",
        "--count",
        "24",
        "--language",
        "en",
        "--plain",
        "--at-once",
        "1",
        "--send-seed",
    ]
    return ["data", "expand", folder / "out.jsonl", *asked]


def chain(folder: Path, url: str) -> list[object]:
    asked = f"--url {url} --model m --count 4 --language en --plain --at-once 1 --send-seed"
    stages = [
        {"name": f"s{n}", "run": f"data expand s{n}.jsonl --seed {n} {asked}", "makes": [f"s{n}.jsonl"]}
        for n in range(5)
    ]
    (folder / "plan.json").write_text(json.dumps({"name": "asks", "stages": stages}))  # JSON is YAML
    return ["chain", folder / "plan.json", "--work", folder / "work"]


def reply(number: int, body: dict[str, Any]) -> str | bytes:
    if "seed" in body:
        return ideas(number, body)
    if "Answer A" in body["messages"][-1]["content"]:
        return json.dumps({"reason": "so", "winner": "A"})
    return json.dumps({"score": 5, "reason": "because"})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("made", [eval_judged, eval_pairwise, data_expand, chain])
def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(made: Any, tmp_path: Path) -> None:
    reached, released = threading.Event(), threading.Event()

    def script(number: int, body: dict[str, Any]) -> str | bytes | int:
        if number == ASKED_BEFORE:
            reached.set()
            released.wait(60)
            return 500
        return reply(number, body)

    with endpoint(script) as (url, asked):
        command = [sys.executable, "-c", RLMR, *map(str, made(tmp_path, url))]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        process = subprocess.Popen(
            command,
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert reached.wait(90), process.communicate()[0]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        try:
            printed, _ = process.communicate(timeout=30)
        finally:
            released.set()
            process.kill()
        assert process.returncode == 130, printed
        assert "error: interrupted\n" in printed and "the same command goes on from there" in printed, printed
        assert "Traceback" not in printed
        again = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stdout + again.stderr
    bodies = [json.dumps(body, sort_keys=True) for number, body in enumerate(asked) if number != ASKED_BEFORE]
    assert len(bodies) == len(set(bodies)), "nothing is asked twice that was answered"
