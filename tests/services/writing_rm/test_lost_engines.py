"""An engine that goes away, for a moment or for good: its queue waits, lost calls are repeated, nothing is lost."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rlmr.wire import Status
from services.serving import ApiError
from services.writing_rm.batching import Scheduler
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.torch_engine import TorchModel
from tests.service_process import ROOT, ServiceProcess
from tests.services.writing_rm.fake_engine import DEADLY_TOKEN
from tests.services.writing_rm.pools import scheduled, served, until

PATIENCE = 60.0


@pytest.fixture(scope="module")
def torch_model(model_dir: Path) -> TorchModel:
    return TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)


def group_of(number: int, size: int = 8) -> list[Text]:
    return [Text((5, 6, 100 + number, 300 + member), f"prompt {number}") for member in range(size)]


async def score_groups(scheduler: Scheduler, count: int, timeout: float = PATIENCE) -> list[Outcome]:
    answers = await asyncio.gather(*(scheduler.score(group_of(n), timeout) for n in range(count)))
    return [outcome for answer in answers for outcome in answer]


async def test_one_reset_loses_no_sample(model_dir: Path, torch_model: TorchModel) -> None:
    """The engine is out of use until it is proven again, half a second later; all that waits must wait for that."""
    settings: dict[str, Any] = {"engine_retries": 0, "engine_check_seconds": 2.0}
    async with served(model_dir, torch_model, **settings) as (pool, (engine,)), scheduled(pool) as scheduler:
        engine.faults.extend([None] * 8 + ["reset"])
        outcomes = await score_groups(scheduler, 128)
        assert sum(isinstance(o, float) for o in outcomes) == 1024
        assert not engine.faults


async def test_a_queue_waits_for_an_engine_that_restarts(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model) as (pool, (engine,)), scheduled(pool) as scheduler:
        engine.calls.clear()
        asked = asyncio.create_task(score_groups(scheduler, 128))
        await until(lambda: len(engine.calls) > 20)
        await engine.stop()
        await asyncio.sleep(2)
        assert not asked.done()
        await engine.start()
        assert sum(isinstance(o, float) for o in await asked) == 1024


async def test_a_lone_reset_is_mended_even_where_no_retry_is_allowed_at_the_engine(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model, engine_retries=0) as (pool, (engine,)), scheduled(pool) as scheduler:
        engine.faults.append("reset")
        assert all(isinstance(o, float) for o in await scheduler.score(group_of(1), PATIENCE))
        assert pool.metrics.put_back._value.get() == 8


async def test_who_comes_while_the_engine_is_away_is_told_at_once_and_who_waits_goes_on_waiting(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model) as (pool, (engine,)), scheduled(pool) as scheduler:
        scheduler.grace_seconds = 1.0
        await engine.stop()
        await until(lambda: bool(pool.problems()))
        waiting = asyncio.create_task(scheduler.score(group_of(1), PATIENCE))  # within the grace
        await asyncio.sleep(1.2)
        with pytest.raises(ApiError, match=f"no engine can be asked: {engine.url}") as refusal:
            await asyncio.wait_for(scheduler.score(group_of(2), PATIENCE), 5)
        assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "5"})
        assert not waiting.done()
        await engine.start()
        assert all(isinstance(o, float) for o in await waiting)


async def test_a_deadline_passes_whatever_the_engine_does(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model) as (pool, (engine,)), scheduled(pool) as scheduler:
        await engine.stop()
        outcomes = await asyncio.wait_for(scheduler.score(group_of(1), 1.0), 20)
        assert {o.status for o in outcomes if isinstance(o, Failure)} == {Status.TIMEOUT}
        assert all(engine.url in o.reason for o in outcomes if isinstance(o, Failure))
        assert scheduler.demand_tokens() == 0


async def test_a_text_that_kills_engines_is_given_up_and_takes_nobody_along(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model, engine_retries=0) as (pool, _), scheduled(pool) as scheduler:
        deadly = Text((5, DEADLY_TOKEN, 6), "prompt 0")
        killer, others = await asyncio.gather(
            scheduler.score([*group_of(0), deadly], PATIENCE), score_groups(scheduler, 16)
        )
        assert all(isinstance(o, float) for o in [*killer[:-1], *others])
        assert isinstance(killer[-1], Failure)
        assert killer[-1].status == Status.UNAVAILABLE


async def test_an_engine_that_answers_nonsense_does_not_empty_the_queue(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model) as (pool, (engine,)), scheduled(pool) as scheduler:
        engine.calls.clear()
        asked = asyncio.create_task(score_groups(scheduler, 64))
        await until(lambda: len(engine.calls) > 5)
        engine.mode = "nonsense"
        await until(lambda: bool(pool.problems()))
        await asyncio.sleep(0.5)
        engine.mode = "right"
        assert all(isinstance(o, float) for o in await asked)


async def test_connections_that_the_engine_closes_when_idle_cost_nothing(
    model_dir: Path, torch_model: TorchModel
) -> None:
    """Engines close after 5 s, we after 4; here the engine is the quicker one, at every pause anew."""
    async with served(model_dir, torch_model, engine_retries=0) as (pool, (engine,)), scheduled(pool) as scheduler:
        await engine.stop()
        engine.keep_alive = 0.1
        await engine.start()
        await until(lambda: not pool.problems())
        for number in range(8):
            assert all(isinstance(o, float) for o in await scheduler.score(group_of(number), PATIENCE))
            await asyncio.sleep(0.05 * number)
        assert pool.metrics.put_back._value.get() == 0


async def test_a_connection_that_turns_out_to_be_closed_is_replaced_at_no_cost(
    model_dir: Path, torch_model: TorchModel
) -> None:
    """The race that no time limit excludes: the engine closes while our next call is on its way."""
    async with served(model_dir, torch_model, engine_retries=1) as (pool, (engine,)), scheduled(pool) as scheduler:
        engine.closes_kept = True
        for number in range(8):
            assert all(isinstance(o, float) for o in await scheduler.score(group_of(number), PATIENCE))
        assert pool.metrics.put_back._value.get() == 0
        assert pool.problems() == []


@contextmanager
def engine_process(model_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An engine that can be killed, and its URL."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "tests.services.writing_rm.fake_engine", str(model_dir), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_an_engine_killed_under_load_loses_no_group(model_dir: Path) -> None:
    with engine_process(model_dir) as (_, first), engine_process(model_dir) as (victim, second):
        env = {
            "RLMR_WRITING_RM_MODEL_DIR": str(model_dir),
            "RLMR_WRITING_RM_ENGINE": "sglang",
            "RLMR_WRITING_RM_ENGINE_URLS": f"{first},{second}",
            "RLMR_WRITING_RM_CACHE_BYTES": "0",
        }
        with ServiceProcess("writing-rm", env) as service:
            for _ in range(2):
                service.wait_for_log("engine_proven")
            async with httpx.AsyncClient(base_url=service.url, timeout=120) as client:

                async def group(number: int) -> list[str]:
                    samples = [
                        {"id": f"{m}", "prompt": f"p {number}", "response": f"ren {number} sha {m}"} for m in range(8)
                    ]
                    answer = await client.post("/score", json={"samples": samples})
                    return [result["status"] for result in answer.json()["results"]]

                asked = [asyncio.create_task(group(number)) for number in range(128)]
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                assert len(done) < 128
                victim.send_signal(signal.SIGKILL)
                statuses = await asyncio.gather(*asked)
                ready = (await client.get("/readyz")).json()
                while not ready["reasons"]:  # the dead engine is noticed by a lost call or by the next look at it
                    await asyncio.sleep(0.05)
                    ready = (await client.get("/readyz")).json()
                assert ready["ready"]
                assert f"not in use: {second}" in ready["reasons"][0]
        assert sum(group == ["ok"] * 8 for group in statuses) == 128
        assert victim.wait() == -signal.SIGKILL
