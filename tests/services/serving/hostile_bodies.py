"""Bodies within MAX_BODY_BYTES that cost more than they look: made for each service's route, from its list of samples or groups."""

from collections.abc import Callable

from tests.services.serving.bodies import LIST

MIB = 2**20
MAX_BODY = 16 * MIB
ROOM = MAX_BODY - 4096


def _filled(unit: bytes, size: int = ROOM, between: bytes = b",") -> bytes:
    return between.join([unit] * (size // (len(unit) + len(between))))


def _text(name: str, text: bytes) -> bytes:
    """A valid request with `text` (escaped already) as one response."""
    if name == "aggregator":
        return b'{"groups":[{"id":"g","prompt":"p","constraints":[],"responses":["%s","b"]}]}' % text
    return b'{"samples":[%s]}' % _sample(name, b"s", text)


def _sample(name: str, id: bytes, text: bytes, constraints: bytes = b"") -> bytes:
    more = b',"constraints":[%s]' % constraints if name == "verifier" else b""
    return b'{"id":"%s","prompt":"p","response":"%s"%s}' % (id, text, more)


def _many(name: str, text: bytes, count: int = 1024) -> bytes:
    """A valid request with as many responses as one may have."""
    if name == "aggregator":
        return b'{"groups":[{"id":"g","prompt":"p","constraints":[],"responses":[%s]}]}' % b",".join(
            [b'"%s"' % text] * count
        )
    return b'{"samples":[%s]}' % b",".join(_sample(name, b"%d" % i, text) for i in range(count))


def _constraints(name: str, one: bytes, count: int) -> bytes:
    listed = b",".join([one] * count)
    if name == "aggregator":
        return b'{"groups":[{"id":"g","prompt":"p","constraints":[%s],"responses":["a","b"]}]}' % listed
    return b'{"samples":[%s]}' % _sample(name, b"s", b"a", listed)


def _items(name: str, items: bytes) -> bytes:
    return b'{"%s":[%s]}' % (LIST[name].encode(), items)


HOSTILE: dict[str, Callable[[str], bytes]] = {
    "200,000 empty items": lambda name: _items(name, _filled(b"{}", 600_000)),
    "empty items, all of it": lambda name: _items(name, _filled(b"{}")),
    "empty lists": lambda name: _items(name, _filled(b"[]")),
    "as many empty lists as values are allowed": lambda name: _items(name, _filled(b"[]", 32_000 // 2 * 3)),
    "numbers": lambda name: _items(name, _filled(b"1")),
    "as many lists in lists as values are allowed": lambda name: _items(name, _filled(b"[[[[]]]]", 32_000 // 5 * 9)),
    "deep": lambda name: _items(name, b"[" * ROOM),
    "deep objects": lambda name: _items(name, b'{"a":' * (ROOM // 5)),
    "many keys": lambda name: b"{%s}" % b",".join(b'"k%d":1' % i for i in range(ROOM // 14)),
    "as many keys as values are allowed": lambda name: _items(
        name, b"{%s}" % b",".join(b'"k%d":1' % i for i in range(32_000))
    ),
    "one key of megabytes": lambda name: _items(name, b'{"%s":1}' % (b"k" * ROOM)),
    "a number of 10^5 digits": lambda name: _items(name, b"9" * 100_000),
    "many numbers of 10^5 digits": lambda name: _items(name, _filled(b"9" * 100_000)),
    "many numbers of 4,000 digits": lambda name: _items(name, _filled(b"9" * 4_000)),
    "as many numbers of 4,000 digits as values are allowed": lambda name: _items(name, _filled(b"9" * 4_000, 500_000)),
    "many floats of 10^5 digits": lambda name: _items(name, _filled(b"0." + b"9" * 100_000)),
    "blanks": lambda name: _items(name, b" " * ROOM),
    "quotes": lambda name: _items(name, _filled(b'""')),
    "backslashes": lambda name: _text(name, rb"\\" * (ROOM // 2)),
    "not UTF-8": lambda name: _text(name, b"\xff" * ROOM),
    "one text": lambda name: _text(name, b"a" * ROOM),
    "one text with an emoji": lambda name: _text(name, b"a" * (ROOM - 8) + "😀".encode()),
    "one text of emojis": lambda name: _text(name, "😀".encode() * (ROOM // 4)),
    "one text of escapes": lambda name: _text(name, rb"\u0041" * (ROOM // 6)),
    "one text with a lone surrogate": lambda name: _text(name, b"a" * (ROOM - 16) + rb"\ud800" + "😀".encode()),
    "as many texts as allowed": lambda name: _many(name, b"It was a dark night. " * 700),
    "as many texts as allowed, each with an emoji": lambda name: _many(name, b"a" * 15_000 + "😀".encode()),
    "as many short texts as allowed": lambda name: _many(name, b"It was a dark night."),
}
"""By name: from the service's name to the body."""

FOR_CONSTRAINTS: dict[str, Callable[[str], bytes]] = {
    "constraints, all of it": lambda name: _constraints(name, b'{"type":"a"}', ROOM // 13),
    "as many constraints as values are allowed": lambda name: _constraints(name, b'{"type":"a"}', 13_000),
    "as many constraints as one sample may have, in as many as values are allowed": lambda name: _items(
        name,
        b",".join(
            (
                b'{"id":"%d","prompt":"p","constraints":[%s],"responses":["a","b"]}'
                if name == "aggregator"
                else b'{"id":"%d","prompt":"p","constraints":[%s],"response":"a"}'
            )
            % (i, _filled(b'{"type":"a"}', 64 * 13))
            for i in range(190)
        ),
    ),
    "as many kwargs as values are allowed": lambda name: _constraints(
        name, b'{"type":"a","kwargs":{%s}}' % b",".join(b'"k%d":1' % i for i in range(32_000)), 1
    ),
    "kwargs of megabytes": lambda name: _constraints(name, b'{"type":"a","kwargs":{"a":"%s"}}' % (b"a" * ROOM), 1),
}
"""For the services that take constraints."""
