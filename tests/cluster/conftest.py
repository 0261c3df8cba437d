"""The cluster and one release of the chart in it, shared by every test of this folder, in the order of the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster

# `make test-cluster` installs the tools; a plain `make test` has nothing to collect here.
collect_ignore_glob = ["test_*.py"] if find_spec("helm_python") is None else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    outside = pytest.mark.skip(reason="needs the namespaces of `make test-cluster` (root on Debian)")
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if "RLMR_CLUSTER_STATE" not in os.environ:
                item.add_marker(outside)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cache, state = Path(os.environ["RLMR_CLUSTER_CACHE"]), Path(os.environ["RLMR_CLUSTER_STATE"])
    archives = [Path(p) for p in json.loads((cache / "archives.json").read_text()).values()]
    running = Cluster(cache / "kubernetes-1.20.2/bin", state, archives)
    kept = "RLMR_CLUSTER_KEEP" in os.environ  # run.sh says how to come back to it
    try:
        if (state / "up").exists():
            running.attach()
        else:
            running.start()
        yield running
    finally:
        running.leave() if kept else running.stop()
