"""Runs an app under uvicorn: one worker, and a SIGTERM that loses no request."""

import asyncio
import os
import signal
import sys
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from services.serving.logs import configure_logs
from services.serving.settings import ServiceSettings

log = structlog.get_logger(__name__)


class DrainingServer(uvicorn.Server):
    """First SIGTERM: /readyz says no, replies carry `Connection: close`, and after `drain_seconds` the listener closes and
    requests in flight are finished. A further signal skips the drain, and one more does not wait for requests either."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self.app, self.drain_seconds = app, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Not uvicorn's own, which ends the process by the signal: a service that drained exits with code 0."""
        # Marked before anything else: the next signal may interrupt this very handler.
        draining, self.app.state.draining = self.app.state.draining, True
        if draining or sig != signal.SIGTERM or self.drain_seconds == 0:
            self.force_exit = self.should_exit
            self.should_exit = True
            return
        asyncio.get_running_loop().call_soon_threadsafe(
            self._drain
        )  # a signal handler must not log: it may interrupt a log

    def _drain(self) -> None:
        asyncio.get_running_loop().call_later(self.drain_seconds, setattr, self, "should_exit", True)
        log.info("draining", seconds=self.drain_seconds)

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
    try:
        DrainingServer(config, app, settings.drain_seconds).run()
    except SystemExit:  # the address is taken, or none of this machine's: uvicorn has logged which
        prefix = settings.model_config["env_prefix"]
        sys.exit(
            f"error: cannot listen on {settings.host}:{settings.port}: give another with --host and --port, or {prefix}HOST and {prefix}PORT"
        )
