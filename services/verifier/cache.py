"""A cache bounded in bytes; least recently used entries go first. An entry only ever spares the work that made it."""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")

# A 32-byte digest, its place in an OrderedDict and the tuple round the value, measured with tracemalloc and rounded up.
_ENTRY_BYTES = 320


def cache_key(*parts: str) -> bytes:
    """Digest of everything that decides a verdict. Lengths go in, so that no two lists of parts look alike."""
    digest = sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


class ByteCache(Generic[V]):
    """`max_bytes` 0 switches it off. Values must not be changed after `put`. Safe for concurrent use by threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.bytes, self._hits, self._misses = max_bytes, 0, 0, 0
        self._entries: OrderedDict[bytes, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> V | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: bytes, value: V, size: int) -> None:
        """`size`: bytes of the value. One larger than the whole cache is not kept."""
        size += _ENTRY_BYTES
        if size > self.max_bytes:
            return
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self.bytes -= old[1]
            self._entries[key] = (value, size)
            self.bytes += size
            while self.bytes > self.max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self.bytes -= freed

    def take_counts(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        with self._lock:
            counts = self._hits, self._misses
            self._hits = self._misses = 0
        return counts

    def __len__(self) -> int:
        return len(self._entries)
