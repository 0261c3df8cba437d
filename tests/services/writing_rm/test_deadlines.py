"""A sample's time runs from its arrival, wherever it waits; a caller that left holds nobody up."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from rlmr.wire import ScoreSample, Status
from services.writing_rm.batching import Scheduler
from services.writing_rm.cache import ScoreCache
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.manifest import read_manifest
from services.writing_rm.model.text_form import TextEncoder
from services.writing_rm.scoring import Scorer
from tests.services.writing_rm.pools import until
from tests.services.writing_rm.test_batching import GatedEngine


class SlowEncoder:
    """Stands for a tokenizer with much to read: each text waits for the gate."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder, self.gate, self.encoded = encoder, threading.Event(), list[str]()

    def encode(self, prompt: Any, response: str) -> list[int]:
        self.encoded.append(response)
        self.gate.wait(20)
        return self.encoder.encode(prompt, response)


def sample(response: str) -> ScoreSample:
    return ScoreSample(id=response, prompt="p", response=response)


@pytest.fixture
def slow(model_dir: Path) -> SlowEncoder:
    return SlowEncoder(TextEncoder.from_directory(model_dir, read_manifest(model_dir).text_form))


def scorer_with(slow: SlowEncoder, model_dir: Path, timeout: float) -> Scorer:
    metrics = WritingRmMetrics.create(CollectorRegistry())
    scheduler = Scheduler(GatedEngine(), ScoreCache(0, "r"), metrics, 10**6)
    scheduler.start()
    manifest, encoder = read_manifest(model_dir), slow
    return Scorer(manifest, encoder, scheduler, metrics, max_tokens=512, max_chars=1000, timeout=timeout)  # type: ignore[arg-type]


async def test_what_waits_too_long_to_be_read_is_a_timeout(slow: SlowEncoder, model_dir: Path) -> None:
    scorer = scorer_with(slow, model_dir, timeout=0.3)
    first = asyncio.create_task(scorer.results([sample("first")]))
    second = asyncio.create_task(scorer.results([sample("second"), sample("third")]))
    await asyncio.sleep(0.5)
    slow.gate.set()
    assert [r.status for r in await first] == [Status.TIMEOUT]
    assert [r.status for r in await second] == [Status.TIMEOUT] * 2
    assert slow.encoded == ["first"]
    scorer.stop()
    await scorer.scheduler.stop()


async def test_the_texts_of_a_caller_that_left_are_not_read_on(slow: SlowEncoder, model_dir: Path) -> None:
    scorer = scorer_with(slow, model_dir, timeout=60.0)
    leaving = asyncio.create_task(scorer.results([sample(f"long {n}") for n in range(1000)]))
    await until(lambda: len(slow.encoded) == 1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    slow.gate.set()
    assert [r.status for r in await scorer.results([sample("mine")])] == [Status.OK]
    assert slow.encoded == ["long 0", "mine"]
    scorer.stop()
    await scorer.scheduler.stop()
