"""The three services as real processes, with a tiny reward model made on the spot."""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import httpx
import pytest

from tests.service_process import ServiceProcess

KEY = "the-key-of-these-tests"


@dataclass
class Services:
    writing_rm: ServiceProcess
    verifier: ServiceProcess
    aggregator: ServiceProcess

    def client(self, name: str, key: str | None = KEY) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=getattr(self, name).url, headers=headers, timeout=60)


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="the writing reward model needs torch")
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.random_checkpoint import invented_text, write_random_checkpoint

    checkpoint, out = tmp_path_factory.mktemp("checkpoint"), tmp_path_factory.mktemp("models") / "tiny"
    write_random_checkpoint(checkpoint)
    rng = random.Random(1)
    reference = [(invented_text(rng, 8), invented_text(rng, rng.randint(2, 40))) for _ in range(40)]
    export_reward_model(checkpoint, out, name="tiny", reference=reference)
    return out


@pytest.fixture(scope="session")
def services(tiny_model_dir: Path) -> Iterator[Services]:
    """All with a key, and with limits small enough to reach."""
    limits = {"MAX_SAMPLES": "40", "MAX_BODY_BYTES": "400000", "MAX_CHARS": "100000"}

    def env(prefix: str, **more: str) -> dict[str, str]:
        return {"RLMR_API_KEY": KEY, **{f"RLMR_{prefix}_{k}": v for k, v in {**limits, **more}.items()}}

    with (
        ServiceProcess("writing-rm", env("WRITING_RM", MODEL_DIR=str(tiny_model_dir))) as writing_rm,
        ServiceProcess("verifier", env("VERIFIER")) as verifier,
        ServiceProcess(
            "aggregator",
            env("AGGREGATOR", WRITING_RM_URL=writing_rm.url, VERIFIER_URL=verifier.url, READINESS_CACHE_SECONDS="0"),
        ) as aggregator,
    ):
        all_three = Services(writing_rm, verifier, aggregator)
        for name in ("writing_rm", "verifier", "aggregator"):
            with all_three.client(name) as http:
                wait_until_ready(http)
        yield all_three


def wait_until_ready(http: httpx.Client, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while (reply := http.get("/readyz")).status_code != 200:
        assert time.monotonic() < end, reply.text
        time.sleep(0.1)
