"""The recorder counts signs of the advantages it is shown; it must notice a violator above zero."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from trainer.grpo.recorder import record, shard, summarise_advantages
from trainer.run.ledger import Ledger


def experience(advantages: list[float], violated: list[float], valid: list[float]) -> SimpleNamespace:
    """Two response tokens each, the second masked out where OpenRLHF pads, with a misleading value under the mask."""
    mask = torch.tensor([[1, 0]] * len(advantages))
    return SimpleNamespace(
        advantages=torch.tensor([[a, 9.0] for a in advantages]),
        action_mask=mask,
        info={"violated": torch.tensor(violated), "valid": torch.tensor(valid)},
    )


def test_signs_are_counted_per_kind() -> None:
    counts = summarise_advantages([experience([-1.0, 0.5, -0.2, 0.0], [1, 0, 0, 1], [1, 1, 1, 1])])
    assert (counts["violators"], counts["violators_with_positive_advantage"]) == (2, 0)
    assert (counts["compliant"], counts["compliant_with_negative_advantage"]) == (2, 1)
    assert counts["largest_violator_advantage"] == 0.0


def test_a_violator_above_zero_is_noticed() -> None:
    assert summarise_advantages([experience([1e-6], [1], [1])])["violators_with_positive_advantage"] == 1


def test_an_invalid_sample_is_neither() -> None:
    counts = summarise_advantages([experience([0.0], [1], [0])])
    assert (counts["invalid"], counts["violators"]) == (1, 0)


GROUP = {"split": "train", "decision": "drop", "reason": "all_violate", "violated": [True, True]}


def test_the_ledger_reads_what_was_recorded_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_RUN_DIR", str(tmp_path))
    for i, change in enumerate(
        ({}, {"decision": "train", "reason": None, "violated": [False, True]}, {"split": "eval"})
    ):
        record("groups", lambda i=i, change=change: {"time": i, **GROUP, **change})  # type: ignore[misc]
    record("advantages", lambda: {"step": 1, **summarise_advantages([experience([-1.0, 0.5], [1, 0], [1, 1])])})
    ledger = Ledger(tmp_path).refresh().refresh()
    assert (len(ledger.groups), ledger.trained(), ledger.dropped()) == (3, 1, {"all_violate": 1})
    assert ledger.violation_rate(last=2) == 0.75
    assert [(a["step"], a["samples"]) for a in ledger.advantages] == [(1, 2)]


def write(run: Path, name: str, text: str) -> None:
    (run / "ledger").mkdir(exist_ok=True)
    (run / "ledger" / name).write_text(text)


def test_writers_have_files_of_their_own_and_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    assert shard(tmp_path, "groups").name.startswith("groups.")
    for host, times in (("a-1", (1, 4)), ("b-2", (2, 3))):
        rows = [{"time": t, "prompt_id": "p", "split": "train", "responses": [str(t)]} for t in times]
        write(tmp_path, f"groups.{host}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write(tmp_path, f"texts.{host}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    ledger = Ledger(tmp_path).refresh()
    assert [g["time"] for g in ledger.groups] == [1, 2, 3, 4]
    assert [g["responses"] for g in ledger.whole_groups()] == [["1"], ["2"], ["3"], ["4"]]
    write(tmp_path, "texts.a-1.jsonl", json.dumps({**rows[0], "time": 4, "responses": ["4"]}) + "\n")
    assert [g["responses"] for g in ledger.whole_groups()] == [["2"], ["3"], ["4"]]  # a lost text is no other group's


def test_a_line_still_being_written_waits(tmp_path: Path) -> None:
    write(tmp_path, "steps.a-1.jsonl", '{"step": 1}\n{"ste')
    ledger = Ledger(tmp_path).refresh()
    assert len(ledger.steps) == 1
    write(tmp_path, "steps.a-1.jsonl", '{"step": 1}\n{"step": 2}\n')
    assert [s["step"] for s in ledger.refresh().steps] == [1, 2]
    assert ledger.torn == 0


def test_a_torn_line_is_skipped_and_counted(tmp_path: Path) -> None:
    """A host that died left half a line, and the next writer's row went behind it; also bytes that are no text, and no object."""
    write(tmp_path, "steps.a-1.jsonl", '{"step": 1}\n{"ste{"step": 2}\n[3]\n{"step": 4}\n')
    (tmp_path / "ledger" / "steps.b-2.jsonl").write_bytes(b"\xff\xfe\x00\n")
    ledger = Ledger(tmp_path).refresh()
    assert [s["step"] for s in ledger.steps] == [1, 4]
    assert ledger.torn == 3


def test_nothing_that_goes_wrong_in_recording_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> dict[str, object]:
        raise KeyError("violated")

    monkeypatch.setenv("RLMR_RUN_DIR", str(tmp_path))
    record("advantages", broken)
    record("advantages", lambda: {"not json": object()})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RLMR_RUN_DIR", str(tmp_path / "file"))
    record("steps", lambda: {"step": 1})
    told = capsys.readouterr().err
    assert told.count("training goes on") == 2  # once a kind


def test_a_group_is_held_without_what_only_a_replay_wants_and_steps_as_they_are(tmp_path: Path) -> None:
    for kind in ("groups", "advantages", "steps"):
        write(tmp_path, f"{kind}.a-1.jsonl", '{"step": 1, "time": 1, "samples": 16}\n')
    ledger = Ledger(tmp_path).refresh()
    assert "samples" not in ledger.groups[0]
    assert ledger.advantages[0]["samples"] == ledger.steps[0]["samples"] == 16


def test_a_step_without_an_update_is_no_update(tmp_path: Path) -> None:
    write(tmp_path, "steps.a-1.jsonl", '{"step": 1, "policy_loss": 0.1}\n{"step": 2}\n')
    ledger = Ledger(tmp_path).refresh()
    assert (len(ledger.steps), len(ledger.updates)) == (2, 1)
