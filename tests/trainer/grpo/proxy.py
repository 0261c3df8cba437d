"""A proxy in front of a real aggregator that makes chosen calls fail, over real sockets, from a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web


@dataclass
class Proxy:
    """`refuse`: prompt ids answered 422 for ever. `busy`: prompt ids answered 503 once, then passed on."""

    upstream: str
    refuse: frozenset[str] = frozenset()
    busy: set[str] = field(default_factory=set)
    url: str = ""
    passed_on: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        group_id = body["groups"][0]["id"]
        if group_id in self.refuse:
            told = {"message": "refused by the test", "errors": [{"path": "groups.0.prompt", "message": "as asked"}]}
            return web.json_response(told, status=422)
        if group_id in self.busy:
            self.busy.discard(group_id)
            return web.Response(status=503, headers={"Retry-After": "1"})
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.upstream}/reward", json=body) as reply,
        ):
            self.passed_on += 1
            return web.Response(status=reply.status, body=await reply.read(), content_type="application/json")


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Serves `proxy` until the block ends; sets its `url`."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/reward", proxy.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(runner.setup())
        loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the proxy did not start")
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
