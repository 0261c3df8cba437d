"""Starts a service as a real process on a free port, for tests that need sockets, signals and exit codes."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class ServiceProcess:
    """`rlmr serve NAME` with `env` on top of a bare environment. Leaves the block with the process stopped."""

    def __init__(self, name: str, env: Mapping[str, str] | None = None, patience: float = 180.0) -> None:
        self.name, self.patience = name, patience
        self.logs: list[dict[str, Any]] = []
        self.raw: list[str] = []
        prefix = f"RLMR_{name.replace('-', '_').upper()}_"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
        self.env = {**inherited, "OMP_NUM_THREADS": "1", f"{prefix}PORT": "0", **(env or {})}
        self._told: Counter[str] = Counter()
        self._lines: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> "ServiceProcess":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rlmr", "serve", self.name],
            cwd=ROOT,
            env=self.env,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            address = self.wait_for_log("listening")["address"]
        except BaseException:  # nobody else stops a process that did not come up
            self.process.kill()
            self.process.wait()
            raise
        self.url = f"http://{address}"
        return self

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.raw.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def wait_for_log(self, event: str) -> dict[str, Any]:
        """First log line with this event that no earlier call has returned, whenever it was written; fails with everything the
        process said."""
        while True:
            entries = [entry for entry in self.logs if entry.get("event") == event]
            if len(entries) > self._told[event]:
                self._told[event] += 1
                return entries[self._told[event] - 1]
            try:
                line = self._lines.get(timeout=self.patience)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{self.name} never logged {event!r}; it said:\n{''.join(self.raw)}")
            try:
                self.logs.append(json.loads(line))
            except ValueError:
                continue

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(timeout=self.patience)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
