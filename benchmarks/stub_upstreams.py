"""Both upstreams of the aggregator as one raw ASGI app that answers at once: `python -m benchmarks.stub_upstreams PORT`.

Every sample gets the same score and passes, but for the first, which violates. Replies are encoded once per group size, so that what is
measured is the aggregator.
"""

import functools
import sys
from typing import Any

import orjson
import uvicorn


@functools.cache
def reply(path: str, group: str, n: int) -> bytes:
    if path == "/score":
        results = [{"status": "ok", "score": i / 7, "raw": i / 7, "tokens": 300, "reason": None} for i in range(n)]
        groups = [{"id": group, "results": results}]
        return orjson.dumps({"model": {"name": "stub", "revision": "0", "engine": "none"}, "groups": groups})
    verdict = {"type": "punctuation:no_comma", "status": "ok", "source": "rule", "reason": "no comma"}
    verdicts = [
        {
            "status": "ok",
            "passed": i > 0,
            "constraints": [{**verdict, "passed": i > 0}] * 3,
            "reason": None,
        }
        for i in range(n)
    ]
    groups = [{"id": group, "results": verdicts}]
    return orjson.dumps({"verifier": {"name": "stub", "revision": "0", "judge": None}, "groups": groups})


def answer(path: str, body: bytes) -> bytes:
    group = orjson.loads(body)["groups"][0]
    return reply(path, group["id"], len(group["responses"]))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    content = answer(scope["path"], body) if scope["method"] == "POST" else b'{"ready":true,"reasons":[]}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        lifespan="off",
        access_log=False,
        timeout_keep_alive=75,
    )
