"""A real sglang or vLLM server as a process group on a fixed port: started, killed and started again by tests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class EngineProcess:
    def __init__(self, kind: str, command: list[str], env: dict[str, str], ready_path: str, log: Path) -> None:
        self.kind, self.env, self.ready_path, self.log = kind, env, ready_path, log
        self.port = free_port()
        self.command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def sglang(cls, python: Path, model_dir: Path, log: Path, *flags: str) -> "EngineProcess":
        command = [str(python), "-m", "sglang.launch_server", "--model-path", str(model_dir), "--is-embedding"]
        command += ["--device", "cpu", "--dtype", "float32", "--enable-metrics", "--skip-server-warmup"]
        if "--max-total-tokens" not in flags:
            command += ["--max-total-tokens", "4096"]
        return cls("sglang", [*command, *flags], {"SGLANG_USE_CPU_ENGINE": "1"}, "/ready", log)

    @classmethod
    def vllm(cls, model_dir: Path, log: Path, *flags: str) -> "EngineProcess":
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model_dir)]
        command += ["--runner", "pooling", "--dtype", "float32", "--enforce-eager"]
        env = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
        return cls("vllm", [*command, *flags], env, "/health", log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
        env |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **self.env}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=env, stdout=log, stderr=log, start_new_session=True)

    def wait_ready(self, patience: float = 300) -> None:
        """Fails with the end of the log if the server ends or does not answer in time."""
        assert self.process is not None
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(self.url + self.ready_path, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        raise AssertionError(f"{self.kind} is not ready; it said:\n{self.log.read_text(errors='replace')[-4000:]}")

    def kill(self) -> None:
        """SIGKILL to the server and all its workers, as when a node's memory runs out."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def terminate(self, patience: float = 30) -> bool:
        """As Kubernetes ends a pod: SIGTERM, and SIGKILL after `patience` seconds. Whether it ended by itself."""
        assert self.process is not None
        self.process.terminate()
        ended = self.died(patience)
        self.kill()
        return ended

    def died(self, patience: float = 30) -> bool:
        assert self.process is not None
        try:
            self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            return False
        return True
