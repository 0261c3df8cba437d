"""The traps of sglang and vLLM (docs/writing-rm.md): each provoked on the real server, each survived by the service."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from safetensors.torch import load_file, save_file

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.wire import ScoreReply
from services.writing_rm.engines.base import Failure, Outcome, Text
from services.writing_rm.engines.protocols import Sglang
from services.writing_rm.engines.server import EngineServer, Watch
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.model.manifest import read_manifest, sha256_of, write_manifest
from services.writing_rm.model.text_form import TextEncoder
from tests.engines.conftest import make_engine
from tests.engines.engine_process import EngineProcess
from tests.service_process import ServiceProcess
from tests.services.writing_rm.test_service import wait_ready
from trainer.reward_model.export import export_reward_model

KEY = "engine-key"


@pytest.fixture(scope="module")
def random_model(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """512 tokens of context: small enough to overflow."""
    from tests.services.writing_rm.conftest import reference_pairs

    out = tmp_path_factory.mktemp("traps") / "model"
    export_reward_model(checkpoint, out, name="random", reference=reference_pairs())
    return out


@pytest.fixture(scope="module")
def sglang(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """A key-value pool (300) smaller than the context (512), and a key."""
    log = tmp_path_factory.mktemp("sglang") / "engine.log"
    process = make_engine("sglang", random_model, log, "--max-total-tokens", "300", "--api-key", KEY)
    process.start()
    try:
        process.wait_ready()
        yield process
    finally:
        process.kill()


def service_over(engine: EngineProcess, model_dir: Path, **env: str) -> ServiceProcess:
    return ServiceProcess(
        "writing-rm",
        {
            "RLMR_WRITING_RM_MODEL_DIR": str(model_dir),
            "RLMR_WRITING_RM_ENGINE": engine.kind,
            "RLMR_WRITING_RM_ENGINE_URLS": engine.url,
            "RLMR_WRITING_RM_ENGINE_API_KEY": KEY,
            "RLMR_WRITING_RM_ENGINE_CHECK_SECONDS": "0.5",
            **env,
        },
    )


@pytest.fixture(scope="module")
def service(sglang: EngineProcess, random_model: Path) -> Iterator[ServiceProcess]:
    with service_over(sglang, random_model) as process:
        wait_ready(process.url, patience=120)
        yield process


def post(engine: EngineProcess, path: str, body: dict[str, Any], timeout: float = 60) -> httpx.Response:
    return httpx.post(engine.url + path, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=timeout)


def score(service: ServiceProcess, *responses: str) -> ScoreReply:
    samples = [{"id": str(i), "prompt": "kalo mi", "response": text} for i, text in enumerate(responses)]
    answer = httpx.post(service.url + "/score", json={"samples": samples}, timeout=60)
    assert answer.status_code == 200, answer.text
    return ScoreReply.model_validate_json(answer.content)


def wait_reason(service: ServiceProcess, reason: str, patience: float = 120) -> None:
    deadline = time.monotonic() + patience
    while reason not in (said := httpx.get(service.url + "/readyz").text):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def test_softmax_over_one_label(sglang: EngineProcess, service: ServiceProcess) -> None:
    answer = post(sglang, "/v1/classify", {"model": "m", "input": ["ren sha", "tuvel est ill"]}).json()
    assert [item["probs"] for item in answer["data"]] == [[1.0], [1.0]]
    first, second = score(service, "ren sha", "tuvel est ill").results
    assert first.raw != second.raw


def test_no_chat_template_of_the_engines_own(
    sglang: EngineProcess, service: ServiceProcess, random_model: Path
) -> None:
    manifest = read_manifest(random_model)
    golden = next(g for g in manifest.golden if g.id == "reference 0" or g.id.startswith("reference"))
    (bare,) = post(sglang, "/classify", {"text": [golden.response]}).json()
    assert abs(bare["embedding"][0] - golden.raw) > 1e-2 * manifest.standardisation.std
    body = {"samples": [{"id": "g", **golden.model_dump(include={"prompt", "response"})}]}
    (ours,) = httpx.post(service.url + "/score", json=body, timeout=60).json()["results"]
    assert abs(ours["raw"] - golden.raw) <= 1e-2 * manifest.standardisation.std


def test_a_text_longer_than_the_key_value_pool(
    sglang: EngineProcess, service: ServiceProcess, random_model: Path
) -> None:
    """Sent to the engine it waits for room that never comes, and all others behind it, until its client leaves. We never send it."""
    encoder = TextEncoder.from_directory(random_model, read_manifest(random_model).text_form)
    long = "x " * 180
    ids = encoder.encode("kalo mi", long)
    assert 300 < len(ids) < 512
    limit = httpx.get(service.url + "/v1/info").json()["details"]["max_tokens"]
    assert limit < 300
    results = score(service, long, "ren sha").results
    assert [r.status for r in results] == ["too_long", "ok"]

    left: list[Exception] = []

    def send_it() -> None:
        try:
            post(sglang, "/classify", {"input_ids": [ids]}, timeout=12)
        except httpx.TransportError as exc:
            left.append(exc)

    blocker = threading.Thread(target=send_it)
    blocker.start()
    time.sleep(1)
    with pytest.raises(httpx.ReadTimeout):
        post(sglang, "/classify", {"input_ids": [ids[:20]]}, timeout=5)
    blocker.join()
    assert isinstance(left[0], httpx.ReadTimeout)
    again = score(service, "ren sha", "tuvel").results
    assert [r.status for r in again] == ["ok", "ok"]
    assert again[0].raw == pytest.approx(results[1].raw, abs=1e-4)


def test_one_bad_text_fails_a_whole_call_of_the_engine_but_only_itself_with_us(
    sglang: EngineProcess, random_model: Path
) -> None:
    manifest = read_manifest(random_model)
    encoder = TextEncoder.from_directory(random_model, manifest.text_form)
    golden = next(g for g in manifest.golden if g.tokens < 200)
    good, bad = encoder.encode(golden.prompt, golden.response), [5] * 600  # more than the context
    assert post(sglang, "/classify", {"input_ids": [bad, good]}).status_code == 400

    async def ask() -> list[Outcome]:
        metrics = WritingRmMetrics.create(CollectorRegistry())
        async with AiohttpTransport(api_key=KEY) as http:
            check = GoldenCheck(manifest, encoder, 0.01)
            watch = Watch(alive=1, golden=60, call=60)
            server = EngineServer(sglang.url, Sglang(), http, check, metrics, watch, 4096, lambda: None)
            return await server.score([Text(tuple(bad), "a"), Text(tuple(good), "a")], 60)

    refused, raw = asyncio.run(ask())
    assert isinstance(refused, Failure)
    assert refused.status == "invalid_input"
    assert raw == pytest.approx(golden.raw, abs=1e-2 * manifest.standardisation.std)


def test_health_sleeps_and_ready_does_not(sglang: EngineProcess, service: ServiceProcess) -> None:
    """/health runs a forward pass and sleeps: /ready, which our watch asks, answers several times meanwhile; so do our probes."""
    answers: list[int] = []
    health = threading.Thread(target=lambda: answers.append(httpx.get(sglang.url + "/health", timeout=60).status_code))
    health.start()
    meanwhile = 0
    while health.is_alive():
        assert httpx.get(sglang.url + "/ready", timeout=10).status_code == 200
        assert httpx.get(service.url + "/readyz", timeout=10).status_code == 200
        meanwhile += health.is_alive()
    assert answers == [200]
    assert meanwhile >= 3
    assert Sglang.alive_path == "/ready"


def test_an_engine_key_leaves_probes_open_but_not_scores(
    sglang: EngineProcess, service: ServiceProcess, random_model: Path
) -> None:
    assert httpx.get(sglang.url + "/ready", timeout=10).status_code == 200
    assert httpx.post(sglang.url + "/classify", json={"input_ids": [[5, 6]]}, timeout=30).status_code == 401
    with service_over(sglang, random_model, RLMR_WRITING_RM_ENGINE_API_KEY="wrong") as wrong:
        wait_reason(wrong, "401")
    assert score(service, "ren").results[0].status == "ok"


def test_an_empty_text_kills_the_server_and_never_reaches_it_through_us(
    sglang: EngineProcess, service: ServiceProcess
) -> None:
    """Last, because the engine does not survive it (or, in a version that does, refuses it)."""
    results = score(service, "", " \n ", "ren sha").results
    assert [r.status for r in results] == ["invalid_input", "invalid_input", "ok"]
    assert httpx.get(sglang.url + "/ready", timeout=10).status_code == 200
    try:
        refused = post(sglang, "/classify", {"text": ""}, timeout=30).status_code != 200
    except httpx.TransportError:
        refused = True
    assert refused or sglang.died()
    alive = httpx.get(service.url + "/livez")
    assert alive.status_code == 200


def test_a_bias_that_the_engine_invents(random_model: Path, tmp_path: Path) -> None:
    """A checkpoint without score.bias: sglang fills the head's bias at random, and the service never gets ready."""
    model = tmp_path / "no-bias"
    model.mkdir()
    for file in random_model.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    tensors = load_file(model / "model.safetensors")
    del tensors["score.bias"]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    manifest = read_manifest(random_model)
    files = manifest.files | {"model.safetensors": sha256_of(model / "model.safetensors")}
    write_manifest(model, manifest.model_copy(update={"files": files}))
    engine = make_engine("sglang", model, tmp_path / "engine.log", "--allow-auto-truncate")
    engine.start()
    try:
        engine.wait_ready()
        with service_over(engine, model) as service:
            wait_reason(service, "allow-auto-truncate")
        engine.kill()
        engine.command.remove("--allow-auto-truncate")
        engine.start()
        engine.wait_ready()
        with service_over(engine, model) as service:
            wait_reason(service, "standard deviations off")
            refused = httpx.post(
                service.url + "/score", json={"samples": [{"id": "a", "prompt": "p", "response": "r"}]}
            )
            assert refused.status_code == 503
    finally:
        engine.kill()


def test_vllm_answers_a_sigmoid_unless_told_otherwise(random_model: Path, tmp_path: Path) -> None:
    engine = make_engine("vllm", random_model, tmp_path / "engine.log")
    manifest = read_manifest(random_model)
    encoder = TextEncoder.from_directory(random_model, manifest.text_form)
    golden = min(manifest.golden, key=lambda g: g.raw)
    ids = encoder.encode(golden.prompt, golden.response)
    engine.start()
    try:
        engine.wait_ready()
        usual = httpx.post(engine.url + "/classify", json={"input": [ids]}, timeout=60).json()["data"][0]["probs"][0]
        assert abs(usual - golden.raw) > 1e-2 * manifest.standardisation.std
        with service_over(engine, random_model) as service:
            wait_ready(service.url, patience=120)
            body = {"samples": [{"id": "g", **golden.model_dump(include={"prompt", "response"})}]}
            (ours,) = httpx.post(service.url + "/score", json=body, timeout=60).json()["results"]
            assert abs(ours["raw"] - golden.raw) <= 1e-2 * manifest.standardisation.std
    finally:
        engine.kill()
