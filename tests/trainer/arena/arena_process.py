"""`rlmr arena serve` as a real process that can be killed and started again on the same port."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.service_process import ROOT


class ArenaProcess:
    def __init__(self, folder: Path, *options: str, command: str = "serve") -> None:
        self.folder, self.options, self.command = folder, options, command
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.links: dict[str, str] = {}

    def start(self) -> None:
        """Returns when the links are printed: the port is bound then."""
        command = [sys.executable, "-m", "rlmr", "arena", self.command, str(self.folder), "--port", str(self.port)]
        options = self.options if not self.links else ()  # what is fixed need not be said again
        self.process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        count = 0
        for line in self.process.stdout:
            if found := re.match(r"(.+?) {2,}(http\S+)", line):
                self.links[found[1]] = found[2]
                count += 1
            if line.startswith("serving"):
                break
        assert count and count == len(self.links), f"the arena printed {count} links and ended"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> "ArenaProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
