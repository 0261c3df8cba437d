"""Pools of fake engines over real HTTP, for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from services.writing_rm.batching import Scheduler
from services.writing_rm.cache import ScoreCache
from services.writing_rm.engines.http_pool import HttpPool
from services.writing_rm.engines.torch_engine import TorchModel
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.model.manifest import read_manifest
from services.writing_rm.model.text_form import TextEncoder
from services.writing_rm.settings import WritingRmSettings
from tests.services.writing_rm.fake_engine import FakeEngine


def pool_for(model_dir: Path, engines: list[FakeEngine], **changes: Any) -> HttpPool:
    settings = WritingRmSettings(
        model_dir=model_dir,
        engine=engines[0].kind,
        engine_urls=[e.url for e in engines],
        **({"engine_check_seconds": 0.05} | changes),
    )
    manifest = read_manifest(model_dir)
    encoder = TextEncoder.from_directory(model_dir, manifest.text_form)
    check = GoldenCheck(manifest, encoder, settings.tolerance())
    return HttpPool(settings, check, WritingRmMetrics.create(CollectorRegistry()))


@asynccontextmanager
async def running(pool: HttpPool) -> AsyncIterator[HttpPool]:
    try:
        await asyncio.wait_for(pool.start(), 20)
        yield pool
    finally:
        await pool.stop()


@asynccontextmanager
async def served(
    model_dir: Path, model: TorchModel, count: int = 1, **changes: Any
) -> AsyncIterator[tuple[HttpPool, list[FakeEngine]]]:
    """A pool over `count` engines, all proven."""
    engines = [FakeEngine(model) for _ in range(count)]
    try:
        for engine in engines:
            await engine.start()
        async with running(pool_for(model_dir, engines, **changes)) as pool:
            await until(lambda: all(s.problem is None for s in pool.servers))
            yield pool, engines
    finally:
        for engine in engines:
            await engine.stop()


async def until(condition: Callable[[], bool], patience: float = 20) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - the conditions are metrics and states, not events
            await asyncio.sleep(0.01)


@asynccontextmanager
async def scheduled(pool: HttpPool, queue_tokens: int = 10**6) -> AsyncIterator[Scheduler]:
    """The queue before a started pool, without a cache: each text is really asked for."""
    scheduler = Scheduler(pool, ScoreCache(0, "r"), pool.metrics, queue_tokens)
    scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()
