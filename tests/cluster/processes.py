"""Long-running programs of the test cluster: started with a log each, watched, stopped."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


class Ended(RuntimeError):
    """A program of the cluster ended by itself; the message holds the end of its log."""


class Processes:
    """Keeps what it started; `stop` ends everything in reverse order. The PID namespace around the test is the safety net."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env
            )

    def check(self) -> None:
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]
                raise Ended(f"{name} ended with exit code {process.returncode}; its last words:\n{tail}")

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in reversed(self.running.values()):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def wait_for(what: str, done: Callable[[], object], patience: float, check: Callable[[], None] | None = None) -> float:
    """Seconds until `done` is true. `check` may raise to end a hopeless wait; after `patience` seconds it is a failure."""
    started = time.monotonic()
    last: object = None
    while time.monotonic() - started < patience:
        if check is not None:
            check()
        last = done()
        if last:
            return time.monotonic() - started
        time.sleep(0.3)
    raise AssertionError(f"{what}: not after {patience:.0f} s (last answer: {last!r})")
