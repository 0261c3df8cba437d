"""What each command and image may load. A light install has no torch, so an import of it would be a crash there."""

import json
import subprocess
import sys

import pytest

from tests.service_process import ROOT

HEAVY = {"torch", "transformers", "ray", "vllm", "openrlhf", "deepspeed", "pandas"}
SERVERS = {"fastapi", "starlette", "uvicorn", "aiohttp", "prometheus_client", "structlog"}


def loaded_by(code: str) -> set[str]:
    script = (
        f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_help_loads_neither_torch_nor_a_server_nor_the_wire_types() -> None:
    help_without_exit = "import sys\nsys.argv = ['rlmr', '--help']\nfrom rlmr.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass"
    loaded = loaded_by(help_without_exit)
    assert not loaded & (HEAVY | SERVERS | {"pydantic", "httpx", "trainer", "services"})


def test_importing_rlmr_is_light_and_the_client_comes_on_first_use() -> None:
    assert not loaded_by("import rlmr") & (HEAVY | SERVERS | {"pydantic", "httpx"})
    with_client = loaded_by("from rlmr import RlmrClient, AsyncRlmrClient")
    assert "httpx" in with_client
    assert not with_client & (HEAVY | SERVERS)


def test_the_adapters_need_no_trainer_and_the_package_nothing_at_all() -> None:
    assert not loaded_by("import rlmr.adapters") & (HEAVY | SERVERS | {"pydantic", "httpx"})
    loaded = loaded_by("import rlmr.adapters.trl, rlmr.adapters.verl")
    assert "httpx" in loaded
    assert not loaded & (HEAVY | SERVERS | {"trl", "verl", "numpy", "services", "trainer"})


@pytest.mark.parametrize("service", ["aggregator", "verifier"])
def test_the_aggregator_and_the_verifier_never_load_torch(service: str) -> None:
    loaded = loaded_by(f"import services.{service}.app")
    assert "fastapi" in loaded
    assert sorted(loaded & (HEAVY | {"httpx", "trainer"})) == []


def test_the_aggregator_needs_no_numpy() -> None:
    assert "numpy" not in loaded_by("import services.aggregator.app")
