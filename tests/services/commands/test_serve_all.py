"""`rlmr serve all`: three processes that start, end and fail together."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.service_process import ROOT


class All:
    def __init__(self, env: dict[str, str]) -> None:
        ports = {f"RLMR_{name}_PORT": "0" for name in ("WRITING_RM", "VERIFIER", "AGGREGATOR")}
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rlmr", "serve", "all"],
            cwd=ROOT,
            env={**clean, **ports, "OMP_NUM_THREADS": "1", **env},
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.said: list[str] = []
        self.pids: list[int] = []
        self.all_listen = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("{") and (entry := json.loads(line)).get("event") == "listening":
                self.pids.append(entry["pid"])
                if len(self.pids) == 3:
                    self.all_listen.set()

    def end(self) -> int:
        code = self.process.wait(timeout=60)
        self.reader.join(10)
        return code


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_three_in_order(tiny_model_dir: Path, how: signal.Signals) -> None:
    """To the whole group, as a terminal sends Ctrl-C."""
    services = All({"RLMR_WRITING_RM_MODEL_DIR": str(tiny_model_dir)})
    assert services.all_listen.wait(60), "".join(services.said)
    os.killpg(services.process.pid, how)
    assert services.end() == 0
    assert all(map(gone, services.pids))
    assert "Traceback" not in "".join(services.said)


@pytest.mark.parametrize("victim", [0, 2])
def test_when_one_dies_the_others_are_stopped_and_it_is_said(tiny_model_dir: Path, victim: int) -> None:
    services = All({"RLMR_WRITING_RM_MODEL_DIR": str(tiny_model_dir)})
    assert services.all_listen.wait(60), "".join(services.said)
    os.kill(services.pids[victim], signal.SIGKILL)
    assert services.end() != 0
    assert "stopping the others" in "".join(services.said)
    assert all(map(gone, services.pids))


def test_a_wrong_setting_of_one_ends_all_with_its_name() -> None:
    services = All({"RLMR_AGGREGATOR_STRATEGY": "rlrm", "RLMR_WRITING_RM_MODEL_DIR": "/nonexistent"})
    assert services.end() == 2
    assert "RLMR_AGGREGATOR_STRATEGY" in "".join(services.said)


@pytest.mark.parametrize(
    ("service", "variable", "value"),
    [
        ("aggregator", "RLMR_AGGREGATOR_PORT", "eighty"),
        ("verifier", "RLMR_VERIFIER_MAX_SAMPLES", "0"),
        ("writing-rm", "RLMR_WRITING_RM_MODEL_DIR", None),
    ],
)
def test_a_wrong_or_missing_setting_is_one_line_and_exit_code_2(service: str, variable: str, value: str | None) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
    run = subprocess.run(
        [sys.executable, "-m", "rlmr", "serve", service],
        cwd=ROOT,
        env={**clean, **({variable: value} if value else {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 2
    assert run.stderr.startswith(f"{variable}: ")
    assert "Traceback" not in run.stderr


def test_an_address_in_use_is_told_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "rlmr", "serve", "aggregator", "--port", port]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1
    assert last.startswith(f"error: cannot listen on 127.0.0.1:{port}: give another") and "RLMR_AGGREGATOR_PORT" in last
