"""What a run leaves for the study."""

import pytest

from trainer.evaluation.judge import Judged
from trainer.study.record import evaluation


def row(prompt: str, violated: bool) -> dict[str, object]:
    return {
        "prompt_id": prompt,
        "prompt": "p",
        "response": "a b c d",
        "tokens": 4,
        "writing": 0.5,
        "violated": violated,
        "failed": [],
    }


def test_compliance_on_what_training_did_not_see_is_told_apart() -> None:
    judged = Judged([row("a", True), row("a", False), row("b", True), row("c", False)], failures=0)
    told = evaluation(judged, None, unseen={"a", "b"})
    assert told["compliance"] == 0.5
    assert told["compliance_unseen"] == pytest.approx(1 / 3, abs=1e-4)
    assert told["compliance_seen"] == 1.0
    assert "compliance_unseen" not in evaluation(judged, None)
