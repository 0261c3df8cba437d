"""Remembered scores, keyed by model revision and exact token ids; least recently used go first."""

from array import array
from collections import OrderedDict
from hashlib import blake2b

# A 32-byte digest, a float, and their share of an OrderedDict, rounded up (measured with tracemalloc: 241 bytes).
ENTRY_BYTES = 256


class ScoreCache:
    def __init__(self, max_bytes: int, revision: str) -> None:
        self.capacity = max_bytes // ENTRY_BYTES
        self._salt = revision.encode()
        self._raws: OrderedDict[bytes, float] = OrderedDict()

    def key(self, ids: tuple[int, ...]) -> bytes:
        """256-bit digest of revision and token ids: two texts never share a key in practice."""
        return blake2b(array("I", ids).tobytes(), digest_size=32, key=self._salt).digest()

    def get(self, key: bytes) -> float | None:
        raw = self._raws.get(key)
        if raw is not None:
            self._raws.move_to_end(key)
        return raw

    def put(self, key: bytes, raw: float) -> None:
        if self.capacity == 0:
            return
        self._raws[key] = raw
        self._raws.move_to_end(key)
        if len(self._raws) > self.capacity:
            self._raws.popitem(last=False)

    def __len__(self) -> int:
        return len(self._raws)
