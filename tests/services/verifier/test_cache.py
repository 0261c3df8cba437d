"""The verdict cache: bounded in bytes, and never the reason for another answer."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from services.verifier.cache import ByteCache, cache_key


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3000)), max_size=200))
def test_it_never_holds_more_than_its_bytes_and_returns_the_last_value_put(puts: list[tuple[int, int]]) -> None:
    cache: ByteCache[int] = ByteCache(20_000)
    last: dict[bytes, int] = {}
    for i, (key, size) in enumerate(puts):
        cache.put(cache_key(str(key)), i, size)
        last[cache_key(str(key))] = i
        assert cache.bytes <= cache.max_bytes
    for wanted, value in last.items():
        assert cache.get(wanted) in (None, value)


def test_the_least_recently_used_goes_first() -> None:
    cache: ByteCache[str] = ByteCache(2000)
    for name in "abc":
        cache.put(cache_key(name), name, 200)
    cache.get(cache_key("a"))
    cache.put(cache_key("d"), "d", 200)
    assert [cache.get(cache_key(name)) for name in "abcd"] == ["a", None, "c", "d"]


def test_it_takes_no_more_memory_than_it_counts() -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    cache: ByteCache[str] = ByteCache(2_000_000)
    for i in range(20_000):
        reason = f"reason {i} " + "x" * 80
        cache.put(cache_key(str(i)), reason, 4 * len(reason))
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(cache) > 1000
    assert used <= cache.max_bytes


def test_parts_of_a_key_cannot_run_together() -> None:
    assert cache_key("ab", "c") != cache_key("a", "bc")
    assert cache_key("a", "") != cache_key("a")
    assert cache_key("\ud800") != cache_key("\ud801")
