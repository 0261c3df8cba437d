"""The recorder counts signs of the advantages it is shown; it must notice a violator above zero."""

from types import SimpleNamespace

import torch

from trainer.grpo.recorder import append, summarise_advantages
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


def test_the_ledger_reads_what_was_appended_and_only_once(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RLMR_RUN_DIR", str(tmp_path))
    group = {"split": "train", "decision": "drop", "reason": "all_violate", "violated": [True, True]}
    append("groups.jsonl", group)
    append("groups.jsonl", {**group, "decision": "train", "reason": None, "violated": [False, True]})
    append("groups.jsonl", {**group, "split": "eval"})
    ledger = Ledger(tmp_path).refresh().refresh()
    assert (len(ledger.groups), ledger.trained(), ledger.dropped()) == (3, 1, {"all_violate": 1})
    assert ledger.violation_rate(last=2) == 0.75


def test_a_line_still_being_written_waits(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "steps.jsonl").write_text('{"step": 1}\n{"ste')
    ledger = Ledger(tmp_path).refresh()
    assert len(ledger.steps) == 1
    (tmp_path / "steps.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    assert [s["step"] for s in ledger.refresh().steps] == [1, 2]


def test_a_step_without_an_update_is_no_update(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "steps.jsonl").write_text('{"step": 1, "policy_loss": 0.1}\n{"step": 2}\n')
    ledger = Ledger(tmp_path).refresh()
    assert (len(ledger.steps), len(ledger.updates)) == (2, 1)
