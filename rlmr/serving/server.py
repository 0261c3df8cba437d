"""Runs an app under uvicorn: one worker, and a SIGTERM that loses no request."""

import asyncio
import os
import signal
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from rlmr.serving.logs import configure_logs
from rlmr.serving.settings import ServiceSettings

log = structlog.get_logger(__name__)


class DrainingServer(uvicorn.Server):
    """First SIGTERM: /readyz says no, replies carry `Connection: close`, and after `drain_seconds` the listener closes and
    requests in flight are finished. A second signal stops at once."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self.app, self.drain_seconds = app, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.app.state.draining or sig == signal.SIGINT or self.drain_seconds == 0:
            super().handle_exit(sig, frame)
            self.app.state.draining = True
            return
        self.app.state.draining = True
        log.info("draining", seconds=self.drain_seconds)
        loop = asyncio.get_running_loop()
        loop.call_later(self.drain_seconds, super().handle_exit, sig, None)

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets=sockets)
        for server in self.servers:
            for sock in server.sockets:
                log.info("listening", address="{}:{}".format(*sock.getsockname()[:2]), pid=os.getpid())


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Blocks until SIGTERM or SIGINT. Logs the address it listens on (port 0 = a free one)."""
    configure_logs(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than the aggregator's idle connections, so that we are never the one to close first
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
        backlog=4096,
    )
    DrainingServer(config, app, settings.drain_seconds).run()
