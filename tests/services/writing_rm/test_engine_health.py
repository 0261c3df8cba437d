"""The in-process engine says how it is: after a call without a score the golden texts tell whose fault it was."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import uvicorn

from rlmr.wire import Status
from services.writing_rm.app import build_app
from services.writing_rm.engines import torch_engine
from services.writing_rm.engines.base import Failure, Lost, Text
from services.writing_rm.engines.forward_pass import Broken
from services.writing_rm.engines.torch_engine import TorchEngine, TorchModel
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.model.manifest import read_manifest
from services.writing_rm.model.text_form import TextEncoder
from services.writing_rm.settings import WritingRmSettings
from tests.services.writing_rm.pools import until

STICKY_ERROR = "CUDA error: device-side assert triggered"
DEADLY = 95


class Faulting(TorchModel):
    """The real model, until `error` is set; a text that holds DEADLY always raises."""

    error: Exception | None = None
    raws: float | None = None
    calls = 0
    gate: threading.Event | None = None

    def score(self, texts: Sequence[Text]) -> list[float]:
        self.calls += 1
        if self.gate is not None:
            self.gate.wait(20)
        if self.error is not None:
            raise self.error
        if any(DEADLY in text.ids for text in texts):
            raise ValueError("this text breaks the kernel")
        return super().score(texts) if self.raws is None else [self.raws] * len(texts)


@pytest.fixture(scope="module")
def loaded(model_dir: Path) -> TorchModel:
    return TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)


@asynccontextmanager
async def faulting(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> AsyncIterator[tuple[TorchEngine, Faulting]]:
    monkeypatch.setattr(torch_engine, "COME_BACK_SECONDS", (0.05, 0.1))
    manifest = read_manifest(model_dir)
    check = GoldenCheck(manifest, TextEncoder.from_directory(model_dir, manifest.text_form), 1e-3)
    engine = TorchEngine(
        model_dir, dtype="float32", device="cpu", threads=1, max_batch_tokens=4096, check=check, **changes
    )
    model = Faulting(loaded.model, 4096)
    engine._model = model
    engine.usable.yes()
    try:
        yield engine, model
    finally:
        await engine.stop()


def texts(count: int, deadly: int | None = None) -> list[Text]:
    return [Text((5, 6, DEADLY if n == deadly else 100 + n), "p") for n in range(count)]


@pytest.mark.parametrize("fault", ["raises", "not finite", "out of memory", "wrong numbers after NaN"])
async def test_a_broken_engine_is_not_ready_until_it_gives_the_golden_scores_again(
    fault: str, model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch) as (engine, model):
        match fault:
            case "raises":
                model.error = RuntimeError("broken kernel")
            case "out of memory":
                model.error = torch.OutOfMemoryError("somebody else has the memory")
            case _:
                model.raws = float("nan")
        outcomes = await engine.score(texts(4))
        assert all(isinstance(o, Lost) and not o.suspect for o in outcomes)
        (problem,) = engine.problems()
        assert "golden" in problem
        asked = model.calls
        assert all(isinstance(o, Lost) for o in await engine.score(texts(4)))
        if fault == "wrong numbers after NaN":
            model.raws = 0.123
        await until(lambda: model.calls > asked + 2)
        assert engine.problems()
        model.error = model.raws = None
        await until(lambda: not engine.problems())
        assert await engine.score(texts(4)) == pytest.approx(loaded.score(texts(4)), abs=1e-5)


async def test_a_text_that_breaks_the_forward_pass_fails_alone_and_the_engine_stays_ready(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch) as (engine, _):
        outcomes = await engine.score(texts(8, deadly=2))
        assert isinstance(outcomes[2], Lost)
        assert "this text breaks the kernel" in outcomes[2].reason
        assert sum(isinstance(o, float) for o in outcomes) == 7
        assert engine.problems() == []


async def test_a_lost_cuda_context_is_beyond_help(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch) as (engine, model):
        model.error = RuntimeError(STICKY_ERROR)
        assert all(isinstance(o, Lost) for o in await engine.score(texts(4)))
        assert engine.usable.beyond_help
        assert STICKY_ERROR in engine.problems()[0]
        asked = model.calls
        await asyncio.sleep(0.3)
        assert model.calls == asked == 1  # nothing is tried on a device that is gone


async def test_an_engine_that_does_not_come_back_asks_for_a_restart(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch) as (engine, model):
        monkeypatch.setattr(torch_engine, "COME_BACK_TRIES", 3)
        model.error = RuntimeError("a failure nobody has seen before")
        await engine.score(texts(2))
        await until(lambda: engine.usable.beyond_help)
        assert "3 tries to come back failed" in engine.problems()[0]


@pytest.mark.parametrize(
    ("told", "sticky"),
    [
        ("AcceleratorError: CUDA error: device-side assert triggered", True),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", True),
        ("RuntimeError: CUDA error: out of memory", False),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`", False),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", False),
        ("IndexError: index out of range in self", False),
    ],
)
def test_what_only_a_restart_mends(told: str, sticky: bool) -> None:
    assert Broken(told).sticky is sticky


async def test_a_forward_pass_that_hangs_is_told_and_then_only_a_restart_helps(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch, stuck_seconds=0.5) as (engine, model):
        model.gate = threading.Event()
        asked = asyncio.create_task(engine.score(texts(1)))
        await until(lambda: bool(engine.problems()))
        assert "has not come back" in engine.problems()[0]
        await until(lambda: engine.usable.beyond_help)
        model.gate.set()
        await asked
        assert engine.problems()


async def test_a_forward_pass_that_was_only_slow_is_forgiven(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch, stuck_seconds=5.0) as (engine, model):
        model.gate = threading.Event()
        asked = asyncio.create_task(engine.score(texts(1)))
        await until(lambda: model.calls == 1)
        engine._stuck(time.perf_counter() - 5.0, False)
        assert engine.problems()
        model.gate.set()
        assert all(isinstance(o, float) for o in await asked)
        assert engine.problems() == []


async def test_liveness_fails_when_only_a_restart_helps(model_dir: Path) -> None:
    """The whole service: what waits and what comes is answered 503 with Retry-After, so that the caller goes elsewhere."""
    app = build_app(WritingRmSettings(model_dir=model_dir, port=0, torch_threads=1))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started, 60)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - asked over HTTP, as a kubelet does
                await asyncio.sleep(0.05)
            assert (await client.get("/livez")).status_code == 200
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(TorchModel, "score", _lost_device)
                body = {"samples": [{"id": "a", "prompt": "p", "response": "ren"}]}
                for _ in range(2):
                    answer = await client.post("/score", json=body)
                    assert answer.status_code == 503
                    assert answer.headers["Retry-After"]
                    assert STICKY_ERROR in answer.json()["message"]
                live = await client.get("/livez")
                assert live.status_code == 503
                assert STICKY_ERROR in live.json()["reason"]
                ready = await client.get("/readyz")
                assert ready.status_code == 503
                assert STICKY_ERROR in ready.json()["reasons"][0]
                assert 'rlmr_writing_rm_engine_up{engine="torch"} 0.0' in (await client.get("/metrics")).text
    finally:
        server.should_exit = True
        await serving


def _lost_device(self: TorchModel, texts: Sequence[Text]) -> list[float]:
    raise RuntimeError(STICKY_ERROR)


async def test_a_number_that_is_none_in_a_healthy_engine_is_the_texts(
    model_dir: Path, loaded: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulting(model_dir, loaded, monkeypatch) as (engine, model):
        real = TorchModel.score
        monkeypatch.setattr(
            model, "score", lambda asked: [float("nan")] if asked[0].ids[0] == DEADLY else real(model, asked)
        )
        (outcome,) = await engine.score([Text((DEADLY, 6), "p")])
        assert isinstance(outcome, Failure)
        assert not isinstance(outcome, Lost)
        assert outcome.status == Status.UNPARSEABLE
        assert engine.problems() == []
