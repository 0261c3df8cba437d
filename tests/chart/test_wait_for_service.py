"""The engine's preStop, run for real: it returns when the service is gone, not before."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from deploy.render import CHART

SCRIPT = CHART / "files" / "wait_for_service.py"


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
    return subprocess.Popen([sys.executable, str(SCRIPT), str(service_port), str(engine.getsockname()[1])])


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
