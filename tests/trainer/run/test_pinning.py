"""A run is pinned to the revisions that answer when it starts, and its presets carry a filter."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rlmr.adapters.refusals import WrongSettings
from rlmr.adapters.settings import Settings
from tests.trainer.grpo.faulty_aggregator import FaultyAggregator, serving
from trainer.run.pinning import NotPinned, revisions
from trainer.run.presets import load_preset


@contextmanager
def running(faulty: FaultyAggregator) -> Iterator[str]:
    """In a thread: what is tested has an event loop of its own."""
    url, stop, started = list[str](), asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(faulty) as address:
            url.append(address)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    yield url[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def test_a_run_is_pinned_to_what_answers() -> None:
    faulty = FaultyAggregator("503")
    with running(faulty) as url:
        found = revisions(Settings(url=url, strategy={"name": "rlmr"}, expect={"verifier": "of another run"}))
    assert found == {"writing_rm": "r1", "verifier": "v1"}
    assert "expect" not in faulty.calls[0]["body"]


def test_settings_that_no_group_could_get_past_are_found_before_a_model_is_loaded() -> None:
    with running(FaultyAggregator("422")) as url, pytest.raises(WrongSettings, match="correct the strategy"):
        revisions(Settings(url=url))


def test_services_that_do_not_answer() -> None:
    with pytest.raises(NotPinned, match="rlmr doctor"):
        revisions(Settings(url="http://127.0.0.1:9", timeout=0.5))


def test_a_presets_filter_is_what_is_set_of_it() -> None:
    assert load_preset("embedded").filter_sent() is None
    preset = load_preset("embedded", ["filter.all_high=1.5", "filter.all_low=null"])
    assert preset.filter_sent() == {"all_high": 1.5, "all_low": None}
    assert preset.model_dump(mode="json")["filter"] == {"all_high": 1.5, "all_low": None}
