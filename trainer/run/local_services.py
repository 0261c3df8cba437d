"""Starts the three reward services as processes of this machine for the length of a run, and stops them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rlmr.client import NoAnswer, RlmrClient
from rlmr.mistake import Mistake

SERVICES = ("writing-rm", "verifier", "aggregator")


class ServiceFailed(Mistake):
    """A service ended or did not become ready; the message holds the end of its log."""


@contextmanager
def local_services(
    writing_rm_dir: Path,
    logs: Path,
    *,
    environment: dict[str, str] | None = None,
    patience: float = 180.0,
    between: Callable[[str], AbstractContextManager[str]] = nullcontext,
) -> Iterator[str]:
    """Yields the aggregator's base URL once it is ready. Logs go to `logs`/<service>.log. `between`: what stands between the
    aggregator and the writing reward model (distortion.py), from the latter's base URL to its own."""
    logs.mkdir(parents=True, exist_ok=True)
    ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
    with between(f"http://127.0.0.1:{ports['writing-rm']}") as writing_rm_url:
        yield from _serving(writing_rm_dir, logs, ports, writing_rm_url, environment or {}, patience)


def _serving(
    writing_rm_dir: Path,
    logs: Path,
    ports: dict[str, int],
    writing_rm_url: str,
    environment: dict[str, str],
    patience: float,
) -> Iterator[str]:
    env = {
        **os.environ,
        "RLMR_WRITING_RM_MODEL_DIR": str(writing_rm_dir),
        # The trainer and its engine share these cores: threads that wait for each other there cost seconds a call.
        "RLMR_WRITING_RM_TORCH_THREADS": os.environ.get("RLMR_WRITING_RM_TORCH_THREADS", "1"),
        "RLMR_AGGREGATOR_WRITING_RM_URL": writing_rm_url,
        "RLMR_AGGREGATOR_VERIFIER_URL": f"http://127.0.0.1:{ports['verifier']}",
        # The report shows both signals even for a strategy that uses one of them.
        "RLMR_AGGREGATOR_ASK_ALL": "true",
        **environment,
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, port in ports.items():
            command = [sys.executable, "-m", "rlmr", "serve", name, "--host", "127.0.0.1", "--port", str(port)]
            with (logs / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{ports['aggregator']}"
        _wait_ready(url, processes, logs, patience)
        yield url
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def _wait_ready(url: str, processes: dict[str, "subprocess.Popen[bytes]"], logs: Path, patience: float) -> None:
    deadline, answer, client = time.monotonic() + patience, "no answer yet", RlmrClient(url, timeout=10)
    while time.monotonic() < deadline:
        for name, process in processes.items():
            if process.poll() is not None:
                tail = (logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise ServiceFailed(
                    f"{name} ended with exit code {process.returncode}; end of {logs / f'{name}.log'}:\n{tail}"
                )
        try:
            ready, reasons = client.ready()
            if ready:
                return
            answer = "; ".join(reasons)
        except NoAnswer as exc:
            answer = str(exc)
        time.sleep(0.25)
    raise ServiceFailed(f"the services were not ready after {patience:.0f} s: {answer}; logs in {logs}")
