"""The service against a real engine through three lives of it: golden parity each time, and nothing wrong or lost between.

The first life ends by SIGKILL, as when memory runs out; the second by SIGTERM, as when its pod is moved.
"""

import threading
import time
from pathlib import Path

import httpx
import pytest

from rlmr.wire import ScoreReply, ScoreSample
from services.writing_rm.engines.torch_engine import TorchModel
from services.writing_rm.model.manifest import read_manifest
from services.writing_rm.model.text_form import TextEncoder
from tests.engines.engine_process import EngineProcess
from tests.service_process import ServiceProcess
from tests.services.writing_rm.conftest import reference_pairs
from tests.services.writing_rm.test_service import wait_ready


def until_not_ready(url: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while httpx.get(url + "/readyz").status_code == 200:
        assert time.monotonic() < deadline, "the service did not notice that its engine died"
        time.sleep(0.1)


class Callers:
    """Threads that ask for groups without pause and keep every answer."""

    def __init__(self, url: str, groups: list[list[ScoreSample]], threads: int = 4) -> None:
        self.url, self.groups = url, groups
        self.replies: list[tuple[int, ScoreReply]] = []
        self.refusals: list[httpx.Response] = []
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(threads)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(timeout=240) as client:
            while not self._stop.is_set():
                number = (number + 1) % len(self.groups)
                body = {"samples": [sample.model_dump() for sample in self.groups[number]]}
                try:
                    answer = client.post(self.url + "/score", json=body)
                except httpx.HTTPError as exc:
                    self.errors.append(exc)
                    continue
                if answer.status_code == 200:
                    self.replies.append((number, ScoreReply.model_validate_json(answer.content)))
                else:
                    self.refusals.append(answer)
                    time.sleep(1)
                time.sleep(0.02)


@pytest.mark.timeout(1500)  # three starts of an engine; on cores that others use each may take minutes
def test_golden_parity_and_no_wrong_score_through_three_lives(engine: EngineProcess, model_dir: Path) -> None:
    manifest = read_manifest(model_dir)
    encoder = TextEncoder.from_directory(model_dir, manifest.text_form)
    pairs = [p for p in reference_pairs(60, seed=5) if len(encoder.encode(*p)) <= manifest.max_tokens - 8][:24]
    groups = [
        [ScoreSample(id=f"{g}.{i}", prompt=pairs[g][0], response=f"{pairs[i][1]} {g}") for i in range(4)]
        for g in range(12)
    ]
    local = TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)
    expected = [local.score_all([encoder.encode(s.prompt, s.response) for s in group]) for group in groups]

    engine.start()
    env = {
        "RLMR_WRITING_RM_MODEL_DIR": str(model_dir),
        "RLMR_WRITING_RM_ENGINE": engine.kind,
        "RLMR_WRITING_RM_ENGINE_URLS": engine.url,
        "RLMR_WRITING_RM_ENGINE_CHECK_SECONDS": "0.5",
        "RLMR_WRITING_RM_CACHE_BYTES": "0",
    }
    with ServiceProcess("writing-rm", env) as service:
        early = httpx.post(service.url + "/score", json={"samples": [groups[0][0].model_dump()]})
        assert early.status_code == 503  # live at once, silent until the engine is proven
        wait_ready(service.url, patience=600)
        with Callers(service.url, groups) as callers:
            for life in range(3):
                golden = [{"id": g.id, **g.model_dump(include={"prompt", "response"})} for g in manifest.golden]
                answer = httpx.post(service.url + "/score", json={"samples": golden}, timeout=120)
                for known, result in zip(
                    manifest.golden, ScoreReply.model_validate_json(answer.content).results, strict=True
                ):
                    assert result.status == "ok", f"life {life}: {result}"
                    assert result.raw is not None
                    assert abs(result.raw - known.raw) <= 1e-2 * manifest.standardisation.std, f"life {life}: {result}"
                time.sleep(2)
                if life < 2:
                    if life == 0:
                        engine.kill()
                    else:
                        print(f"{engine.kind} ended by itself after SIGTERM: {engine.terminate()}")
                    until_not_ready(service.url)
                    engine.start()
                    wait_ready(service.url, patience=600)
            time.sleep(2)

    assert not callers.errors, callers.errors[:3]
    # Who came long after the engine had died was told to come back (nobody, if all callers were waiting by then); who waited
    # already got a score, or ran out of time.
    assert {(r.status_code, r.json()["code"]) for r in callers.refusals} <= {(503, "engine_away")}
    assert all(int(r.headers["Retry-After"]) >= 1 for r in callers.refusals)
    statuses: dict[str, int] = {}
    for number, reply in callers.replies:
        for result, raw in zip(reply.results, expected[number], strict=True):
            statuses[result.status] = statuses.get(result.status, 0) + 1
            if result.status == "ok":
                assert result.raw is not None
                assert abs(result.raw - raw) <= 1e-2 * manifest.standardisation.std
            else:
                assert result.score is None
    print(f"{engine.kind}: {statuses}, {len(callers.refusals)} requests told to come back")
    assert statuses["ok"] > 100
    assert statuses.keys() <= {"ok", "timeout"}, "a lost call cost a sample its score"
    assert all(result.status == "ok" for result in callers.replies[-1][1].results)
