"""A run that hacks, in a made-up ledger: measured, told once, with its cause, its checkpoint and its metrics. The reward is what the
ledger says; the held-back values come from a real service, a file of votes, or the world."""

import json
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from rlmr.mistake import Mistake
from tests.three_services import KEY, Services
from trainer.onset.guarding import Guard, read_onset
from trainer.onset.keeping import keep
from trainer.onset.metrics import RunMetrics
from trainer.onset.sources import SourceError, source_of
from trainer.onset.windows import WINDOW, all_windows
from trainer.run.ledger import Ledger

WINDOWS, N = 8, 2


def hacking_run(run: Path, *, strategy: str = "rlmr", until: int = WINDOWS, size: int = WINDOW) -> Path:
    """The score rises all along; from the third window on every text begins alike, and the votes fall."""
    (run / "ledger").mkdir(parents=True)
    (run / "settings.json").write_text(json.dumps({"strategy": {"name": strategy}}))
    with (
        (run / "ledger" / "groups.a-1.jsonl").open("w") as numbers,
        (run / "ledger" / "texts.a-1.jsonl").open("w") as texts,
        (run / "votes.jsonl").open("w") as votes,
    ):
        for i in range(until * size):
            window = i // size
            key = {"time": float(i), "prompt_id": f"p{i}", "step": 1 + i // 16, "split": "train"}
            worth = 0.5 + (0.1 * window if window < 3 else 0.2 - 0.15 * (window - 2))
            plain = " ".join(3 * chr(97 + i * k % 26) for k in (1, 3, 5, 7, 11))
            opener = "Here is a great story" if window > 2 and i % 4 else plain
            said = [f"{opener} {'rain' if j else 'snow'} falls" for j in range(N)]
            row = {"n": N, "decision": "train", "reason": None, "rewards": [0.1, -0.1], "valid": [True] * N}
            row |= {"writing": [0.3 * window - 0.5, 0.3 * window + 0.5], "violated": [i % 8 < window, False]}
            row |= {"delta": None, "tokens": [3, 3], "seconds": 0.1, "attempts": 1}
            numbers.write(json.dumps({**key, **row}) + "\n")
            texts.write(json.dumps({**key, "responses": said, "failed_constraints": [[], []]}) + "\n")
            values = [worth + 0.3 * (-1) ** j for j in range(N)]
            votes.write(json.dumps({"prompt_id": f"p{i}", "values": values}) + "\n")
    return run


def test_a_short_run_is_looked_at_in_shorter_windows(tmp_path: Path) -> None:
    """With windows of WINDOW groups these 72 would be one."""
    run = hacking_run(tmp_path / "run", size=12, until=6)
    assert Guard(Ledger(run).refresh(), source_of(str(run / "votes.jsonl"))).look() is None
    (run / "settings.json").write_text(json.dumps({"strategy": {"name": "rlmr"}, "steps": 12, "batch": 6}))
    onset = Guard(Ledger(run).refresh(), None).look()
    assert onset is not None and onset.signal == "held_back" and onset.step == 3


def checkpoints(run: Path, *steps: int) -> None:
    for step in steps:
        folder = run / "checkpoints" / "_actor" / f"global_step{step}"
        folder.mkdir(parents=True)
        (folder / "weights").write_text(f"of step {step}")
        (folder.parent / "latest").write_text(folder.name)


def test_an_onset_is_told_once_with_its_cause_and_the_checkpoint_from_before(tmp_path: Path) -> None:
    run = hacking_run(tmp_path / "run")
    checkpoints(run, 5, 8)
    ledger = Ledger(run).refresh()
    onset = Guard(ledger, source_of(str(run / "votes.jsonl"))).look()
    assert onset is not None
    assert (onset.signal, onset.step, onset.checkpoint) == ("held_back", 9, "checkpoints/kept/held_back/global_step8")
    assert onset.alarm_step > 9 and onset.fall > 0 < onset.gain
    assert 'an opener: 0% of the texts began with "here is a great"' in onset.cause
    assert read_onset(run) == onset == Guard(Ledger(run).refresh(), None).look()
    shown = CliRunner().invoke(app, ["watch", str(run), "--once"], env={"COLUMNS": "300"}).output
    assert "reward hacking since step 9" in shown and "held back" in shown


def test_the_alarm_comes_no_later_for_looking_often(tmp_path: Path) -> None:
    whole, run = hacking_run(tmp_path / "whole"), tmp_path / "run"
    once = Guard(Ledger(whole).refresh(), source_of(str(whole / "votes.jsonl"))).look()
    lines = {
        kind: (whole / "ledger" / f"{kind}.a-1.jsonl").read_text().splitlines(True) for kind in ("groups", "texts")
    }
    (run / "ledger").mkdir(parents=True)
    ledger = Ledger(run)
    guard, onset, seen = Guard(ledger, source_of(str(whole / "votes.jsonl"))), None, 0
    for start in range(0, len(lines["groups"]), 16):
        for kind, rows in lines.items():
            with (run / "ledger" / f"{kind}.a-1.jsonl").open("a") as file:
                file.writelines(rows[start : start + 16])
        ledger.refresh()
        if (onset := guard.look()) is not None:
            seen = start + 16
            break
    assert once is not None and onset == once
    assert seen // 16 == once.alarm_step  # told in the step whose groups gave it away


def test_a_signal_that_the_strategy_does_not_use_is_watched_for_nothing(tmp_path: Path) -> None:
    run = hacking_run(tmp_path / "run", strategy="quality_only")
    onset = Guard(Ledger(run).refresh(), None).look()
    assert onset is not None and onset.signal == "compliance"
    assert not list((run / "ledger").glob("held_back*"))
    both = Guard(Ledger(hacking_run(tmp_path / "both")).refresh(), None).look()
    assert both is None  # rlmr trains on both: nothing is held back


def test_a_second_reward_model_is_asked_about_a_sample(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLMR_API_KEY", KEY)
    run = hacking_run(tmp_path / "run", until=1)
    for path in (run / "ledger").glob("texts*"):
        rows = [{**json.loads(line), "prompt": "Write."} for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ledger = Ledger(run).refresh()
    Guard(ledger, source_of(services.writing_rm.url), share=0.25).look()
    assert 3 <= len(ledger.held_back) <= 24
    assert all(len(row["values"]) == N and None not in row["values"] for row in ledger.held_back)
    again = Ledger(run).refresh()
    Guard(again, source_of(services.writing_rm.url), share=0.25).look()
    assert len(again.held_back) == len(ledger.held_back)


def test_the_checkpoint_from_before_outlives_openrlhfs_own(tmp_path: Path) -> None:
    checkpoints(tmp_path, 10, 20)
    assert keep(tmp_path, "held_back", 9) is None
    first = keep(tmp_path, "held_back", 12)
    assert first is not None and first.name == "global_step10"
    own = tmp_path / "checkpoints" / "_actor" / "global_step10"
    (own / "weights").unlink()
    own.rmdir()
    assert keep(tmp_path, "held_back", 15) == first
    assert (first / "weights").read_text() == "of step 10"
    (tmp_path / "checkpoints" / "_actor" / "global_step30").mkdir()  # still being written: `latest` names 20
    later = keep(tmp_path, "held_back", 35)
    assert later is not None and later.name == "global_step20" and not first.exists()


def test_the_metrics_say_what_the_alarm_says(tmp_path: Path) -> None:
    run = hacking_run(tmp_path / "run")
    ledger, metrics = Ledger(run).refresh(), RunMetrics()
    guard = Guard(ledger, source_of(str(run / "votes.jsonl")))
    metrics.update(ledger, None)
    onset = guard.look()
    metrics.update(ledger, onset)
    assert onset is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.serve(0)}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    (windows,) = all_windows(ledger, "rlmr")
    assert f"rlmr_run_hacking_onset_step {float(onset.step)}" in text
    assert f'rlmr_run_held_back{{signal="held_back"}} {windows.held_back[-1]}' in text
    assert f'rlmr_run_reward{{signal="held_back"}} {windows.reward[-1]}' in text


def test_a_source_that_is_none_is_told(tmp_path: Path) -> None:
    run = hacking_run(tmp_path / "run", until=1)
    told = CliRunner().invoke(app, ["watch", str(run), "--once", "--held-back", str(tmp_path / "nothing.jsonl")])
    assert told.exit_code == 2 and "give world, the URL" in " ".join(told.output.split())
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt_id": "p"}\n')
    with pytest.raises(SourceError, match=r"bad\.jsonl:1: want"):
        source_of(str(bad))


def test_words_of_strong_and_weak_answers_are_a_signal(tmp_path: Path) -> None:
    for name, text in (("strong", "A copper ladder leaned on the comet."), ("weak", "It was a very nice day.")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"prompt": "Write.", "response": text}) + "\n")
    files = f"words:{tmp_path / 'strong.jsonl'},{tmp_path / 'weak.jsonl'}"
    good, bad = source_of(files)({"responses": ["The copper comet.", "A very nice day."]}) or []
    assert good is not None and bad is not None and good > 0 > bad
    with pytest.raises(SourceError, match="want words:STRONG"):
        source_of("words:only-one.jsonl")
    with pytest.raises(Mistake, match=r"nothing\.jsonl"):
        source_of(f"words:{tmp_path / 'nothing.jsonl'},{tmp_path / 'weak.jsonl'}")
