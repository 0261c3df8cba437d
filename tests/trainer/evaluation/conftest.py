from pathlib import Path

import pytest

from tests.trainer.evaluation import haiku


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the benchmark of docs/plugins.md was installed."""
    return haiku.install(tmp_path_factory.mktemp("outside") / "site")
