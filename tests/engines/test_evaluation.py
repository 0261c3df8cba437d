"""`rlmr eval` end to end on a real vLLM server that answers and judges: a tiny model of random weights, so only the machinery counts.

docs/evaluation.md has the same with SmolLM2. About a minute, most of it vLLM's start.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.engine_process import EngineProcess
from tests.services.verifier.test_judge_engine import write_model
from tests.trainer.evaluation import haiku
from tests.trainer.evaluation.test_complexbench import entry, question

MARK = {
    "type": "object",
    "properties": {"score": {"enum": list(range(1, 11))}, "reason": {"enum": ["well done", "badly done"]}},
    "required": ["score", "reason"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "mark", "schema": MARK}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, ...]]:
    """The options that name the server, as answerer and as judge."""
    pytest.importorskip("vllm", reason="vLLM is not installed")
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    limits = ("--max-model-len", "16384", "--max-num-seqs", "4", "--served-model-name", "tiny")
    structured = ("--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}))
    engine = EngineProcess.vllm(folder, folder / "engine.log", *limits, *structured)
    engine.command = [part for part in engine.command if part not in ("--runner", "pooling")]
    engine.start()
    try:
        engine.wait_ready(patience=400)
        model = ("--model", engine.url, "--model-name", "tiny", "--sampling", "max_tokens=24", "--at-once", "4")
        yield (*model, "--judge-url", engine.url, "--judge-model", "tiny", "--judge-sampling", "max_tokens=60")
    finally:
        engine.kill()


@pytest.mark.timeout(600)
def test_both_benchmarks_end_to_end(served: tuple[object, ...], tmp_path: Path) -> None:
    checklist = [{"name": name, "criteria_description": f"About {name}."} for name in ("Voice", "Form")]
    rows = [{"index": n, "query": f"Write {n}.", "domain1": "d", "checklist": checklist} for n in range(3)]
    writing, complex_data = tmp_path / "writing.jsonl", tmp_path / "complex.json"
    writing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    complex_data.write_text(json.dumps([entry(n, [question(), question("length:[1,9]", (0,))]) for n in range(3)]))
    form = ("--judge-sampling", f"response_format={json.dumps(FORM)}")
    for name, data, more in (("writingbench", writing, form), ("complexbench", complex_data, ())):
        out = tmp_path / name
        code, printed = haiku.run(name, "--data", data, "--out", out, *served, *more)
        if name == "writingbench":
            assert code == 0, printed
            counts = json.loads((out / "results.json").read_text())["counts"]
            assert counts["failed"] == 0 and counts["judge_tokens"] > 0
            assert counts["judged"] == counts["questions"] == 6, haiku.journal(out / "verdicts.jsonl")
            assert haiku.run("bundle", out)[0] == 0
            assert haiku.run("verify", tmp_path / f"{name}.zip")[0] == 0
        else:
            # Random weights say neither yes nor no: there is no figure, and that is said.
            assert code == 2, printed
            assert "nothing was judged: 0 prompts without a response, 6 unparseable and 0 missing verdicts" in printed
        responses, verdicts = haiku.journal(out / "responses.jsonl"), haiku.journal(out / "verdicts.jsonl")
        assert [len(responses), len(verdicts)] == [3, 6]
        assert all(row["tokens"] > 0 for row in responses)
        # Nothing is asked a second time.
        assert haiku.run(name, "--data", data, "--out", out, *served, *more)[0] == code
        assert haiku.journal(out / "verdicts.jsonl") == verdicts
