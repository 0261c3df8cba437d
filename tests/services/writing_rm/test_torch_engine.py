"""The in-process engine where things go wrong: memory, numbers, threads."""

from collections.abc import Sequence
from pathlib import Path

import torch

from services.writing_rm.engines.base import Failure, Text
from services.writing_rm.engines.choose import SPIN_COUNT
from services.writing_rm.engines.torch_engine import TorchEngine
from tests.service_process import ServiceProcess


class Fitting:
    """Stands for a model on a device that holds `room` tokens at a time."""

    def __init__(self, room: int) -> None:
        self.room, self.calls = room, list[int]()

    def score(self, texts: Sequence[Text]) -> list[float]:
        self.calls.append(len(texts))
        if sum(len(t.ids) for t in texts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [float("nan") if t.ids[0] == 0 else float(t.ids[0]) for t in texts]


def engine_of(model: Fitting) -> TorchEngine:
    engine = TorchEngine(Path("nowhere"), dtype="float32", device="cpu", threads=1, max_batch_tokens=100)
    engine._model = model  # type: ignore[assignment]
    engine.usable.yes()
    return engine


def texts(*lengths: int) -> list[Text]:
    return [Text((number + 1,) * length, "p") for number, length in enumerate(lengths)]


async def test_a_batch_that_does_not_fit_is_tried_in_halves_and_keeps_its_order() -> None:
    model = Fitting(room=20)
    engine = engine_of(model)
    assert await engine.score(texts(10, 10, 10, 10, 10)) == [1, 2, 3, 4, 5]
    assert model.calls == [5, 2, 3, 1, 2]
    await engine.stop()


async def test_a_text_that_never_fits_fails_alone() -> None:
    engine = engine_of(Fitting(room=20))
    first, second, third = await engine.score(texts(10, 50, 10))
    assert (first, third) == (1.0, 3.0)
    assert isinstance(second, Failure)
    assert (second.status, second.reason) == ("unavailable", "out of device memory for 50 tokens")
    await engine.stop()


async def test_a_number_that_is_none_is_no_score() -> None:
    engine = engine_of(Fitting(room=20))
    broken, good = await engine.score([Text((0, 5), "p"), Text((7, 5), "p")])
    assert isinstance(broken, Failure)
    assert broken.status == "unparseable"
    assert good == 7.0
    await engine.stop()


def test_threads_that_wait_for_each_other_soon_sleep(model_dir: Path) -> None:
    """OpenMP tells its settings when torch loads it: a default of 300,000 rounds would show that ours came too late."""
    env = {"RLMR_WRITING_RM_MODEL_DIR": str(model_dir), "OMP_DISPLAY_ENV": "verbose"}
    with ServiceProcess("writing-rm", env) as process:
        process.wait_for_log("model_ready")
    told = [line.strip() for line in process.raw if "SPINCOUNT" in line]
    assert f"GOMP_SPINCOUNT = '{SPIN_COUNT}'" in told
