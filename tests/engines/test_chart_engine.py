"""The pods of the chart with vLLM as their engine, as processes: the rendered commands, probes and settings run for real on a CPU.

What a container gives and a process lacks is replaced, and nothing else: `python3` by this interpreter, /scratch by a folder, the
services' fixed ports and cluster names by free ports on the loopback interface.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.writing_rm.model.manifest import read_manifest
from tests.engines.engine_process import EngineProcess, free_port
from tests.service_process import ServiceProcess
from tests.services.verifier.test_judge_engine import write_model, write_short_form
from tests.services.writing_rm.test_service import wait_ready

pytest.importorskip("helm_python", reason="the tools of requirements/chart.txt are not installed (make test-chart)")
pytest.importorskip("vllm", reason="vLLM is not installed")
from deploy.render import merge, render

KEYS = {"writing-rm": "writingRm", "verifier": "verifier"}


def values(component: str, model: Path, context: int) -> dict[str, Any]:
    """What an operator without a GPU would write to serve `model` with vLLM in the pods of `component`."""
    engine = {
        "type": "vllm",
        "image": {"repository": "example/vllm-cpu", "tag": "v1"},
        "port": free_port(),
        "contextLength": context,
        "extraArgs": ["--dtype=float32", "--enforce-eager"],
        "extraEnv": [
            {"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"},
            {"name": "VLLM_CPU_OMP_THREADS_BIND", "value": "nobind"},
            {"name": "OMP_NUM_THREADS", "value": "1"},
        ],
    }
    return {KEYS[component]: {"engine": engine, "model": {"source": "path", "path": str(model)}}}


@dataclass
class Pod:
    """The two containers of one Deployment and the settings of ours."""

    settings: dict[str, str]
    service: dict[str, Any]
    engine: dict[str, Any] | None

    @classmethod
    def of(cls, documents: list[dict[str, Any]], component: str) -> Pod:
        named = {d["kind"]: d for d in documents if d["metadata"]["name"] == f"rlmr-{component}"}
        service, *engine = named["Deployment"]["spec"]["template"]["spec"]["containers"]
        return cls(named["ConfigMap"]["data"], service, engine[0] if engine else None)

    def engine_process(self, scratch: Path) -> EngineProcess:
        """Not started yet."""
        assert self.engine is not None
        scratch.mkdir()
        env = {v["name"]: v["value"].replace("/scratch", str(scratch)) for v in self.engine["env"]}
        process = EngineProcess("vllm", [], env, "/health", scratch / "engine.log")
        process.command = here(self.engine["command"])
        process.port = int(next(c for c in process.command if c.startswith("--port=")).removeprefix("--port="))
        return process

    def service_process(self, name: str, **replaced: str) -> ServiceProcess:
        assert self.service["args"] == ["serve", name]
        prefix = f"RLMR_{name.replace('-', '_').upper()}_"
        local = {f"{prefix}HOST": "127.0.0.1", f"{prefix}PORT": "0"}
        return ServiceProcess(name, {**self.settings, **local, **{prefix + k: v for k, v in replaced.items()}})

    def probe(self, name: str) -> int:
        """Exit status of a probe of the engine container, as kubelet would run it."""
        assert self.engine is not None
        probe = self.engine[name]
        return subprocess.run(
            here(probe["exec"]["command"]), timeout=probe["timeoutSeconds"], capture_output=True, check=False
        ).returncode


def here(command: list[str]) -> list[str]:
    return [sys.executable if part == "python3" else part for part in command]


@dataclass
class Running:
    urls: dict[str, str]
    pods: dict[str, Pod]
    engines: dict[str, EngineProcess]


@pytest.fixture(scope="module")
def running(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("chart")
    judge, prompts = folder / "judge", folder / "prompts"
    prompts.mkdir()
    write_model(judge)
    given = merge(
        merge(values("writing-rm", model_dir, read_manifest(model_dir).max_tokens), values("verifier", judge, 8192)),
        # The judge's model is random and does not know when to end: neither its time nor its judgement is what is tested.
        {
            "verifier": {
                "judge": {"type": "engine"},
                "settings": {
                    "JUDGE_PROMPTS": str(write_short_form(prompts)),
                    "JUDGE_SECONDS": 300,
                    "JUDGE_MAX_TOKENS": 2000,
                    "TIMEOUT_SECONDS": 600,
                    "JUDGE_GOLDEN_MINUTES": 0,
                },
            }
        },
    )
    documents = render(given)
    pods = {component: Pod.of(documents, component) for component in ("aggregator", "writing-rm", "verifier")}
    with ExitStack() as stack:
        engines = {component: pods[component].engine_process(folder / component) for component in KEYS}
        for component, process in engines.items():  # one after the other: each start takes a core and a gigabyte
            assert pods[component].probe("startupProbe") != 0, "something else answers on the engine's port"
            stack.callback(process.kill)
            process.start()
            process.wait_ready(patience=400)
        urls = {c: stack.enter_context(pods[c].service_process(c)).url for c in KEYS}
        upstreams = {"WRITING_RM_URL": urls["writing-rm"], "VERIFIER_URL": urls["verifier"]}
        urls["aggregator"] = stack.enter_context(pods["aggregator"].service_process("aggregator", **upstreams)).url
        for url in urls.values():
            wait_ready(url, patience=300)
        yield Running(urls, pods, engines)


@pytest.mark.timeout(1200)
def test_a_reward_comes_from_both_engines(running: Running) -> None:
    body = {
        "id": "g",
        "prompt": "Write of autumn without a comma.",
        "constraints": [{"type": "punctuation:no_comma"}],
        "responses": ["The leaves lie deep.", "Rain falls on the roof.", "Leaves, rain, wind."],
    }
    reply = httpx.post(f"{running.urls['aggregator']}/reward", json={"groups": [body]}, timeout=180)
    assert reply.status_code == 200, reply.text
    (result,) = reply.json()["groups"]
    assert result["valid"] == [True] * 3, result
    assert result["violated"] == [False, False, True]
    assert reply.json()["model"]["engine"].startswith("vllm")
    assert all(isinstance(score, float) for score in result["writing"])


@pytest.mark.timeout(1200)
def test_the_judge_gives_verdicts_under_the_rendered_settings(running: Running) -> None:
    sample = {
        "id": "a",
        "prompt": "Write of autumn.",
        "response": "The leaves lie deep.",
        "constraints": [{"type": "judge", "text": "The text is about autumn."}],
    }
    reply = httpx.post(f"{running.urls['verifier']}/verify", json={"samples": [sample]}, timeout=300)
    (result,) = reply.json()["results"]
    assert result["status"] == "ok", result["constraints"][0]["reason"]  # which verdict, a random model cannot know
    assert isinstance(result["passed"], bool)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("component", KEYS)
def test_probes_and_metrics_reach_the_engine(running: Running, component: str) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert running.pods[component].probe(probe) == 0, probe
    page = httpx.get(f"{running.urls[component]}/metrics/engine", timeout=30)
    assert page.status_code == 200
    assert "\nvllm:" in page.text


@pytest.mark.timeout(1200)
def test_an_engine_that_dies_makes_its_pod_unready_and_is_seen_by_its_probes(running: Running) -> None:
    """Last: the engine does not come back."""
    pod = running.pods["writing-rm"]
    running.engines["writing-rm"].kill()
    assert pod.probe("livenessProbe") != 0
    reply = httpx.get(f"{running.urls['writing-rm']}/readyz", timeout=30)
    while reply.status_code == 200:  # the suite's time limit ends a service that never notices
        time.sleep(0.2)
        reply = httpx.get(f"{running.urls['writing-rm']}/readyz", timeout=30)
    assert reply.status_code == 503
