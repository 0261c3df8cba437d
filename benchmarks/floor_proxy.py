"""The floor under the aggregator's cost: a raw ASGI app that passes each body on to both upstreams and parses nothing.

`python -m benchmarks.floor_proxy PORT UPSTREAM`. Same server (uvicorn) and same client (aiohttp) as the aggregator.
"""

import asyncio
import sys
from typing import Any

import aiohttp
import uvicorn


class FloorProxy:
    def __init__(self, upstream: str) -> None:
        self.urls = f"{upstream}/score", f"{upstream}/verify"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        content, _ = await asyncio.gather(*(self._post(url, body) for url in self.urls))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _post(self, url: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256))
        async with self._session.post(url, data=body, headers={"Content-Type": "application/json"}) as reply:
            return await reply.read()


if __name__ == "__main__":
    app = FloorProxy(sys.argv[2])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        lifespan="off",
        access_log=False,
        timeout_keep_alive=75,
    )
