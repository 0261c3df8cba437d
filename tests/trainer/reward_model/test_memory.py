"""Export and check hold one copy of the weights at a time."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.services.writing_rm.conftest import reference_pairs
from trainer.reward_model.check import check_model
from trainer.reward_model.export import export_reward_model
from trainer.reward_model.random_checkpoint import write_random_checkpoint


@contextmanager
def at_most_one_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Fails when a model is made while an earlier one is alive."""
    from transformers import LlamaForSequenceClassification

    made: list[weakref.ref[Any]] = []
    init = LlamaForSequenceClassification.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        gc.collect()
        assert [ref for ref in made if ref() is not None] == [], "two copies of the weights at once"
        made.append(weakref.ref(self))
        init(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LlamaForSequenceClassification, "__init__", counted)
        yield made


def test_export_and_check_hold_one_copy_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_random_checkpoint(tmp_path / "checkpoint", family="llama")
    with at_most_one_model(monkeypatch) as made:
        export_reward_model(tmp_path / "checkpoint", tmp_path / "model", name="m", reference=reference_pairs())
        assert len(made) >= 3
    with at_most_one_model(monkeypatch) as made:
        assert [verdict.problems for verdict in check_model(tmp_path / "model")] == [[], []]
        assert len(made) >= 2
