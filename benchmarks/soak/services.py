"""One service as a process of this machine that may be killed and comes back, as under a kubelet."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class Service:
    def __init__(self, name: str, env: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self.port = _free_port()
        self._env = {**os.environ, "OMP_NUM_THREADS": "1", **env}
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = self.stops = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "rlmr", "serve", self.name, "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=subprocess.STDOUT)

    async def kill(self, away: float) -> None:
        """SIGKILL; started again `away` seconds later."""
        self.kill_now()
        await asyncio.sleep(away)
        self.start()

    def kill_now(self) -> None:
        process = self._running()
        process.kill()
        process.wait()
        self.kills += 1

    async def stop(self, seconds: float) -> None:
        """SIGSTOP for so long: connections stand, nothing answers."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        self.stops += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def end(self) -> int | None:
        """Exit code on SIGTERM; None if it had to be killed after 30 s."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None

    def rss_mib(self) -> float:
        """Resident memory (proc(5), VmRSS)."""
        lines = Path(f"/proc/{self._running().pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended by itself; its log is {self.log}")
        return self._process


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
