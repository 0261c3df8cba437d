"""The engine's preStop, run for real: it returns when the service is gone, not before."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.render import CHART

SCRIPT = CHART / "files" / "wait_for_service.py"


class Service(ThreadingHTTPServer):
    """Our service as its /readyz shows it."""

    def __init__(self, reasons: list[str]) -> None:
        body = json.dumps({"ready": False, "reasons": reasons}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Service:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


def listener() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    with listener() as sock:
        yield sock


def waiting(service_port: int, engine: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(service_port), str(engine.getsockname()[1]), "0"])


def test_returns_at_once_when_there_is_no_service(engine: socket.socket) -> None:
    with listener() as free:
        port = free.getsockname()[1]
    assert waiting(port, engine).wait(timeout=20) == 0


def test_waits_for_the_listener_and_then_for_the_connections_to_the_engine(engine: socket.socket) -> None:
    service = listener()
    connection = socket.create_connection(engine.getsockname())
    script = waiting(service.getsockname()[1], engine)
    try:
        time.sleep(1.2)
        assert script.poll() is None, "the service still listens"
        service.close()
        time.sleep(1.2)
        assert script.poll() is None, "a request is still with the engine"
        connection.close()
        assert script.wait(timeout=20) == 0
    finally:
        script.kill()
        script.wait()


def test_does_not_wait_for_a_service_that_stays(engine: socket.socket) -> None:
    """A probe found the engine hung: only its container is stopped, and the service beside it goes on."""
    with Service(["engine: no answer"]) as service:
        started = time.monotonic()
        assert waiting(service.server_port, engine).wait(timeout=20) == 0
        assert time.monotonic() - started < 10


def test_waits_for_a_service_that_says_it_is_shutting_down(engine: socket.socket) -> None:
    with Service(["shutting down"]) as service:
        script = waiting(service.server_port, engine)
        try:
            time.sleep(5)
            assert script.poll() is None
        finally:
            script.kill()
            script.wait()
