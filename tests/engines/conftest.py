"""Real engine servers on a CPU. Without the environments of `make test-engines` these tests are skipped, with the reason."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.engine_process import EngineProcess
from tests.engines.environments import ROOT, sglang_python
from trainer.reward_model.export import export_reward_model
from trainer.reward_model.random_checkpoint import write_random_checkpoint


def pytest_sessionstart() -> None:
    """A SIGTERM (a time limit, say) ends the session in order, so that no engine outlives it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    wanted = os.environ.get("RLMR_TEST_ENGINES") == "1"
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engines)
            if not wanted:
                item.add_marker(pytest.mark.skip(reason="real engines: run `make test-engines`"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoint")
    write_random_checkpoint(directory)
    return directory


@pytest.fixture(scope="session")
def model_dir(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story world's reward model where `make run` has built one, else a random one of the same architecture."""
    from tests.services.writing_rm.conftest import reference_pairs

    given = os.environ.get("RLMR_TEST_REWARD_MODEL")
    worlds = sorted((ROOT / ".cache" / "world").glob("*/**/reward_model.json"))
    if given or worlds:
        return Path(given) if given else worlds[-1].parent
    out = tmp_path_factory.mktemp("models") / "random"
    export_reward_model(checkpoint, out, name="random", reference=reference_pairs())
    return out


def make_engine(kind: str, model_dir: Path, log: Path, *flags: str) -> EngineProcess:
    """Skips where sglang's environment or vLLM is absent."""
    if kind == "vllm":
        pytest.importorskip("vllm")
        return EngineProcess.vllm(model_dir, log, *flags)
    python = sglang_python()
    if python is None:
        pytest.skip("no environment for sglang: `make test-engines` builds it")
    return EngineProcess.sglang(python, model_dir, log, *flags)


@pytest.fixture(params=["sglang", "vllm"])
def engine(request: pytest.FixtureRequest, model_dir: Path, tmp_path: Path) -> Iterator[EngineProcess]:
    process = make_engine(request.param, model_dir, tmp_path / "engine.log")
    try:
        yield process
    finally:
        process.kill()
