"""`rlmr chain` as a user starts it: real stages, tiny; killed in the middle, taken up, and idle when nothing changed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

from tests.trainer.reward_model.test_rm_train import base  # noqa: F401  (a fixture: a tiny causal model)
from trainer.chain.plan import read_plan
from trainer.data.rows import PromptRow, read

pytestmark = [pytest.mark.openrlhf, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[3]
STAGES = ("seeds", "expand", "check", "answers", "pairs", "rm", "rm-eval")


def plan_of(folder: Path, base: Path, count: int = 24) -> Path:  # noqa: F811
    rm = f"rm train pairs.jsonl rm --base {base} --max-len 256 --batch-size 8 --micro-batch-size 8 --held-out 0.3"
    stages = [
        {"name": "seeds", "run": "data seeds seeds.jsonl", "makes": ["seeds.jsonl"]},
        {
            "name": "expand",
            "needs": ["seeds.jsonl"],
            "run": "data expand new.jsonl --seeds seeds.jsonl --url http://127.0.0.1:{port} --model writer "
            f"--count {count} --language en --at-once 1",
            "serve": "{python} -m tests.trainer.chain.writer {port} 0.5",
            "makes": ["new.jsonl", "new.jsonl.journal"],
        },
        {
            "name": "check",
            "needs": ["new.jsonl"],
            "run": "data check new.jsonl --json check.json",
            "makes": ["check.json"],
        },
        {
            "name": "answers",
            "needs": ["new.jsonl"],
            "run": f"data answers new.jsonl good.jsonl --model {base} --engine transformers --samples 2 --max-new-tokens 40",
            "makes": ["good.jsonl"],
        },
        {
            "name": "pairs",
            "needs": ["good.jsonl"],
            "run": "data pairs pairs.jsonl --corrupt good.jsonl --no-match",
            "makes": ["pairs.jsonl"],
        },
        {"name": "rm", "needs": ["pairs.jsonl", str(base)], "run": rm, "makes": ["rm/model", "rm/held-out.jsonl"]},
        {
            "name": "rm-eval",
            "needs": ["rm/model", "rm/held-out.jsonl"],
            "run": "rm eval rm/model rm/held-out.jsonl --out report",
            "makes": ["report/evaluation.json", "report/evaluation.html"],
        },
    ]
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"name": "tiny", "stages": stages}))
    return path


def chain(plan: Path, work: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "rlmr", "chain", str(plan), "--work", str(work), *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_killed_chain_goes_on_and_a_finished_one_makes_only_what_changed(base: Path, tmp_path: Path) -> None:  # noqa: F811
    plan, work = plan_of(tmp_path, base), tmp_path / "work"
    journal = work / "new.jsonl.journal"
    process = subprocess.Popen([sys.executable, "-m", "rlmr", "chain", str(plan), "--work", str(work)], cwd=ROOT)
    deadline = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = journal.read_bytes()

    said = chain(plan, work)
    assert "[1/7] seeds: up to date" in said
    assert any(line.startswith("[2/7] expand: again") for line in said)
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    rows = read(work / "new.jsonl", PromptRow)
    assert len(rows) == 24 and max(Counter(row.id for row in rows).values()) == 1
    assert json.loads((work / "report" / "evaluation.json").read_text())["pairs"] > 0

    assert chain(plan, work) == [f"[{i}/7] {name}: up to date" for i, name in enumerate(STAGES, 1)]

    # One input changed: what is made from it, and nothing else, is made again; the reward model does not depend on its evaluation.
    (work / "check.json").unlink()
    held = work / "rm" / "held-out.jsonl"
    held.write_text("".join(held.read_text().splitlines(keepends=True)[:-1]))
    said = chain(plan, work, "--until", "check")
    assert next(line for line in said if "up to date" not in line).startswith("[3/3] check: begins")
    assert sum("begins" in line for line in said) == 1


def test_no_stage_outlives_a_killed_chain(base: Path, tmp_path: Path) -> None:  # noqa: F811
    plan, work = plan_of(tmp_path, base, count=400), tmp_path / "work"
    process = subprocess.Popen([sys.executable, "-m", "rlmr", "chain", str(plan), "--work", str(work)], cwd=ROOT)
    deadline = time.monotonic() + 120
    while not (work / "new.jsonl.journal").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while alive := [p for p in _commands() if str(work) in p]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.2)


def _commands() -> list[str]:
    import psutil

    found = [p for p in psutil.process_iter(["cmdline", "cwd"]) if p.pid != os.getpid() and p.info["cmdline"]]
    return [" ".join([*p.info["cmdline"], str(p.info["cwd"])]) for p in found]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\nstages: [{name: a, run: data seeds s, makes: [s], need: [b]}]", "stages.0.need: Extra inputs"),
        (
            "name: x\nstages: [{name: a, run: 'data seeds {gone}', makes: [s]}]",
            "stage a: run: {gone} is not known there",
        ),
        ("name: x\nstages: [{name: a, run: r, makes: [s]}, {name: a, run: r, makes: [t]}]", "the name stands twice"),
        (
            "name: x\nstages: [{name: a, run: r, makes: [s]}, {name: b, run: r, makes: [s]}]",
            "another stage makes s too",
        ),
        ("name: [", "not YAML"),
    ],
)
def test_a_wrong_plan_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "rlmr", "chain", str(path), "--work", str(tmp_path / "w")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_stage_that_fails_names_its_log_and_what_it_said(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("name: x\nstages: [{name: a, run: data check none.jsonl, makes: [s]}]")
    command = [sys.executable, "-m", "rlmr", "chain", str(path), "--work", str(tmp_path / "w")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "a.log" in done.stderr and "none.jsonl: No such file" in done.stderr, done.stderr


def test_what_lies_outside_the_folder_is_never_removed(tmp_path: Path) -> None:
    path, shared = tmp_path / "plan.yaml", tmp_path / "cache.jsonl"
    for command in ("data seeds", "data  seeds"):  # another command: made again
        path.write_text(f"name: x\nstages: [{{name: a, run: '{command} {shared}', makes: ['{shared}']}}]")
        assert "begins" in chain(path, tmp_path / "w")[0]
    path.write_text(f"name: x\nstages: [{{name: a, run: data check {shared}, makes: ['{shared}']}}]")
    assert "begins" in chain(path, tmp_path / "w")[0] and shared.exists()


def test_our_own_plans_can_be_read() -> None:
    plans = sorted((ROOT / "docs" / "chains").glob("*.yaml"))
    assert len(plans) == 2 and all(read_plan(path).stages for path in plans)
