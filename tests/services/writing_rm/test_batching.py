"""The scheduler: merging, the token cap, the bounded queue, callers that leave, identical texts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from rlmr.wire import Status
from services.serving import ApiError, Overloaded
from services.writing_rm.batching import MOST_LOSSES, Scheduler
from services.writing_rm.cache import ENTRY_BYTES, ScoreCache
from services.writing_rm.engines.base import Failure, Lost, Outcome, Text
from services.writing_rm.engines.usable import Usable
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.waiting import ALONE_AFTER


class GatedEngine:
    """Holds each call until the test lets it go; the score of a text is the sum of its ids."""

    identity = "gated"
    max_tokens = None

    def __init__(self, max_batch_tokens: int = 100, slots: int = 1, mixes: bool = True, share: bool = False) -> None:
        self.max_batch_tokens, self.slots = max_batch_tokens, slots
        self.mixes_prompts, self.share_prefixes = mixes, share
        self.usable = Usable(problem=None)
        self.calls: list[list[tuple[int, ...]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.bug: Exception | None = None

    async def start(self) -> None: ...

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        self.calls.append([text.ids for text in texts])
        await self.gate.wait()
        if self.bug is not None:
            raise self.bug
        return [float(sum(text.ids)) for text in texts]

    def problems(self) -> list[str]:
        return []

    def remarks(self) -> list[str]:
        return []

    def details(self) -> dict[str, Any]:
        return {}

    async def stop(self) -> None: ...


def text(*ids: int, group: str = "p") -> Text:
    return Text(ids, group)


def long(length: int, mark: int, group: str = "p") -> Text:
    return Text((mark, *range(length - 1)), group)


@asynccontextmanager
async def scheduling(
    engine: GatedEngine, queue_tokens: int = 1000, cache_bytes: int = 2**20
) -> AsyncIterator[Scheduler]:
    metrics = WritingRmMetrics.create(CollectorRegistry())
    scheduler = Scheduler(engine, ScoreCache(cache_bytes, "r"), metrics, queue_tokens)
    scheduler.start()
    try:
        yield scheduler
    finally:
        engine.gate.set()
        await scheduler.stop()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callers_that_wait_are_merged_into_one_call() -> None:
    engine = GatedEngine()
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        first = asyncio.create_task(scheduler.score([text(1)], 10))
        await settle()
        rest = [asyncio.create_task(scheduler.score([text(i, group=f"p{i}")], 10)) for i in range(2, 6)]
        await settle()
        engine.gate.set()
        assert await asyncio.gather(first, *rest) == [[1.0], [2.0], [3.0], [4.0], [5.0]]
        assert engine.calls == [[(1,)], [(2,), (3,), (4,), (5,)]]


async def test_a_call_holds_at_most_its_tokens_and_a_longer_text_goes_alone() -> None:
    engine = GatedEngine(max_batch_tokens=100)
    async with scheduling(engine) as scheduler:
        texts = [long(n, i + 1, f"p{i}") for i, n in enumerate([40, 40, 40, 150, 30])]
        await scheduler.score(texts, 10)
        assert [[len(ids) for ids in call] for call in engine.calls] == [[40, 40], [40], [150], [30]]


async def test_siblings_count_their_common_prefix_once() -> None:
    engine = GatedEngine(max_batch_tokens=100, share=True)
    async with scheduling(engine) as scheduler:
        prompt = tuple(range(100, 180))
        await scheduler.score([Text((*prompt, i), "p") for i in range(20)], 10)
        assert [len(call) for call in engine.calls] == [20]


async def test_responses_to_one_prompt_go_together_before_later_prompts() -> None:
    engine = GatedEngine(max_batch_tokens=4)
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        tasks = [asyncio.create_task(scheduler.score([text(9, 9, group="busy")], 10))]
        await settle()
        for i in (1, 2):
            tasks.append(asyncio.create_task(scheduler.score([text(i, i, group="a")], 10)))
            tasks.append(asyncio.create_task(scheduler.score([text(i, i + 5, group="b")], 10)))
        await settle()
        engine.gate.set()
        await asyncio.gather(*tasks)
        assert engine.calls[1:] == [[(1, 1), (2, 2)], [(1, 6), (2, 7)]]


async def test_prompts_take_turns_however_many_texts_one_of_them_has() -> None:
    engine = GatedEngine(max_batch_tokens=8)
    async with scheduling(engine, queue_tokens=10**5) as scheduler:
        engine.gate.clear()
        many = asyncio.create_task(scheduler.score([long(4, n, "big") for n in range(2952)], 60))
        await settle()
        late = [asyncio.create_task(scheduler.score([text(1, 2, n, group=f"late {n}")], 60)) for n in range(3)]
        await settle()
        engine.gate.set()
        await asyncio.gather(*late)
        # One call was under way, the first in line was the big prompt's again, and then came the late ones: two calls.
        assert sum(ids[:2] == (1, 2) for call in engine.calls[:4] for ids in call) == 3
        assert len(await many) == 2952
        assert all(len(call) == 2 for call in engine.calls[5:-1])  # siblings still go together


async def test_two_large_prompts_take_turns_call_by_call() -> None:
    engine = GatedEngine(max_batch_tokens=4, mixes=False)
    async with scheduling(engine) as scheduler:
        await scheduler.score([text(n, mark, group=str(mark)) for mark in (100, 200) for n in range(6)], 10)
        assert [call[0][1] for call in engine.calls] == [100, 200] * 3


async def test_an_engine_with_a_prefix_cache_gets_one_prompt_per_call() -> None:
    engine = GatedEngine(mixes=False)
    async with scheduling(engine) as scheduler:
        await scheduler.score([text(1, group="a"), text(2, group="b"), text(3, group="a")], 10)
        assert engine.calls == [[(1,), (3,)], [(2,)]]


async def test_identical_texts_are_computed_once_and_remembered() -> None:
    engine = GatedEngine()
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        tasks = [asyncio.create_task(scheduler.score([text(4), text(4), text(5)], 10)) for _ in range(3)]
        await settle()
        engine.gate.set()
        assert await asyncio.gather(*tasks) == [[4.0, 4.0, 5.0]] * 3
        assert await scheduler.score([text(5), text(4)], 10) == [5.0, 4.0]
        assert sum(map(len, engine.calls)) == 2


async def test_no_cache_means_computed_again() -> None:
    engine = GatedEngine()
    async with scheduling(engine, cache_bytes=0) as scheduler:
        await scheduler.score([text(4)], 10)
        await scheduler.score([text(4)], 10)
        assert len(engine.calls) == 2


async def test_the_cache_forgets_the_least_recently_used() -> None:
    cache = ScoreCache(2 * ENTRY_BYTES, "r")
    one, two, three = (cache.key((i,)) for i in (1, 2, 3))
    cache.put(one, 1.0)
    cache.put(two, 2.0)
    assert cache.get(one) == 1.0
    cache.put(three, 3.0)
    assert (cache.get(one), cache.get(two), cache.get(three)) == (1.0, None, 3.0)


def test_another_revision_never_meets_old_scores() -> None:
    assert ScoreCache(1000, "a").key((1, 2)) != ScoreCache(1000, "b").key((1, 2))
    assert ScoreCache(1000, "a").key((1, 2)) != ScoreCache(1000, "a").key((12,))


async def test_a_full_queue_refuses_whole_requests_and_counts_them_as_demand() -> None:
    engine = GatedEngine(max_batch_tokens=10)
    async with scheduling(engine, queue_tokens=20) as scheduler:
        engine.gate.clear()
        running = asyncio.create_task(scheduler.score([long(10, 1)], 10))
        await settle()
        waiting = asyncio.create_task(scheduler.score([long(15, 2)], 10))
        await settle()
        with pytest.raises(Overloaded) as refusal:
            await scheduler.score([long(3, 3), long(5, 4)], 10)
        assert int(refusal.value.headers["Retry-After"]) >= 1
        assert scheduler.demand_tokens() == 10 + 15 + 8
        assert scheduler.demand_texts() == 1 + 1 + 2
        engine.gate.set()
        await asyncio.gather(running, waiting)
        assert len(engine.calls) == 2
        await scheduler.score([long(8, 5)], 10)


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    engine = GatedEngine()
    async with scheduling(engine, queue_tokens=20) as scheduler:
        assert len(await scheduler.score([long(15, i, f"p{i}") for i in range(4)], 10)) == 4


async def test_a_caller_that_leaves_takes_its_waiting_texts_along() -> None:
    engine = GatedEngine(max_batch_tokens=2)
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        running = asyncio.create_task(scheduler.score([text(1, 1)], 10))
        await settle()
        leaving = asyncio.create_task(scheduler.score([text(2, 2), text(3, 3)], 10))
        staying = asyncio.create_task(scheduler.score([text(3, 3)], 10))
        await settle()
        leaving.cancel()
        await settle()
        engine.gate.set()
        assert await staying == [6.0]
        await running
        assert engine.calls == [[(1, 1)], [(3, 3)]]
        assert scheduler.demand_tokens() == 0


async def test_a_late_score_is_a_timeout_and_the_work_is_kept() -> None:
    engine = GatedEngine()
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        (outcome,) = await scheduler.score([text(7)], 0.05)
        assert isinstance(outcome, Failure)
        assert outcome.status == Status.TIMEOUT
        engine.gate.set()
        await settle()
        assert await scheduler.score([text(7)], 10) == [7.0]
        assert len(engine.calls) == 1


async def test_an_engine_that_raises_fails_its_call_only() -> None:
    engine = GatedEngine()
    async with scheduling(engine) as scheduler:
        engine.bug = RuntimeError("broken kernel")
        outcomes = await scheduler.score([text(1), text(2)], 10)
        assert {o.status for o in outcomes if isinstance(o, Failure)} == {Status.UNAVAILABLE}
        assert all("broken kernel" in o.reason for o in outcomes if isinstance(o, Failure))
        engine.bug = None
        assert await scheduler.score([text(1), text(2)], 10) == [1.0, 2.0]


async def test_what_waits_when_the_service_stops_is_told_so() -> None:
    engine = GatedEngine(max_batch_tokens=2)
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        asked = asyncio.create_task(scheduler.score([text(1, 1, group="a"), text(2, 2, group="b")], 60))
        await settle()
        await scheduler.stop()
        outcomes = await asked
    assert [o.reason for o in outcomes if isinstance(o, Failure)] == ["the service is shutting down"] * 2


class LosingEngine(GatedEngine):
    """Loses every call that holds a text with `deadly` in it."""

    deadly = 13

    async def score(self, texts: Sequence[Text]) -> list[Outcome]:
        outcomes = await super().score(texts)
        if any(self.deadly in text.ids for text in texts):
            return [Lost(Status.UNAVAILABLE, "connection reset")] * len(texts)
        return outcomes


async def test_a_text_that_breaks_the_engine_is_soon_alone_and_given_up() -> None:
    engine = LosingEngine()
    async with scheduling(engine) as scheduler:
        outcomes = await scheduler.score([text(1), text(13), text(3), text(4, group="q")], 60)
        assert [o for o in outcomes if isinstance(o, float)] == [1.0, 3.0, 4.0]
        (given_up,) = [o for o in outcomes if isinstance(o, Failure)]
        assert (given_up.status, given_up.reason) == (Status.UNAVAILABLE, "connection reset")
        with_it = [call for call in engine.calls if (13,) in call]
        assert len(with_it) == MOST_LOSSES
        assert [len(call) for call in with_it[ALONE_AFTER:]] == [1] * (MOST_LOSSES - ALONE_AFTER)


async def test_a_lost_text_that_nobody_waits_for_is_not_repeated() -> None:
    engine = LosingEngine()
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        (outcome,) = await scheduler.score([text(13)], 0.05)
        assert isinstance(outcome, Failure)
        engine.gate.set()
        await settle()
        assert len(engine.calls) == 1
        assert scheduler.demand_tokens() == 0


async def test_an_engine_that_only_a_restart_helps_answers_503_at_once() -> None:
    engine = GatedEngine(max_batch_tokens=1)
    async with scheduling(engine) as scheduler:
        engine.gate.clear()
        engine.usable.no("away")
        asked = asyncio.create_task(scheduler.score([text(1), text(2)], 60))
        await settle()
        engine.usable.no("the device is lost", beyond_help=True)
        for refused in (asked, scheduler.score([text(3)], 60)):
            with pytest.raises(ApiError, match="the device is lost") as refusal:
                await refused
            assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "5"})
        assert engine.calls == []
