"""A release without a cluster: the three services as processes, watched by a real Prometheus with the labels of the ServiceMonitor."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.service_process import ServiceProcess
from tests.services.verifier.scripted_judge import ScriptedJudge, verdict

NAMESPACE, RELEASE = "ns", "demo"


class PrometheusMissing(Exception):
    """No prometheus program on this machine."""


class Prometheus:
    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Instant vector, or the error as AssertionError."""
        reply = self.client.get("/api/v1/query", params={"query": expression}).json()
        assert reply["status"] == "success", f"{expression}: {reply.get('error')}"
        result: list[dict[str, Any]] = reply["data"]["result"]
        return result

    def labels_of(self, metric: str) -> list[dict[str, str]]:
        """Label sets of every series of `metric`."""
        found: list[dict[str, str]] = self.client.get("/api/v1/series", params={"match[]": metric}).json()["data"]
        return found


@contextmanager
def running_prometheus(folder: Path, targets: dict[str, str], rules: Path) -> Iterator[Prometheus]:
    """Scrapes `targets` (component -> URL) every second. Listens on loopback, stops with the block."""
    program = shutil.which("prometheus")
    if program is None:
        raise PrometheusMissing("prometheus is not installed (Debian: apt-get install prometheus)")
    scrape: list[dict[str, Any]] = [
        {
            "targets": [url.removeprefix("http://")],
            "labels": {"namespace": NAMESPACE, "release": RELEASE, "component": component, "pod": f"{component}-0"},
        }
        for component, url in targets.items()
    ]
    # The engine's page comes through the service beside it, with the labels of the second ServiceMonitor.
    engine = [target for target in scrape if target["labels"]["component"] == "verifier"]
    jobs = [
        {"job_name": "rlmr", "static_configs": scrape},
        {"job_name": "engines", "metrics_path": "/metrics/engine", "static_configs": engine},
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        program,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            try:
                if httpx.get(f"{url}/-/ready").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def running_services(model: Path) -> Iterator[dict[str, str]]:
    """Component -> URL; every one of them ready."""
    with ExitStack() as stack:
        env = {"RLMR_WRITING_RM_MODEL_DIR": str(model), "RLMR_WRITING_RM_TORCH_THREADS": "1"}
        writing_rm = stack.enter_context(ServiceProcess("writing-rm", env))
        judge = stack.enter_context(ScriptedJudge(lambda body: verdict(True)))
        judge.metrics = engine_page()
        judged = {
            "RLMR_VERIFIER_JUDGE_URL": judge.url,
            "RLMR_VERIFIER_JUDGE_MODEL": "scripted",
            "RLMR_VERIFIER_JUDGE_GOLDEN_MINUTES": "0",  # it finds everything met
        }
        verifier = stack.enter_context(ServiceProcess("verifier", judged))
        upstreams = {
            "RLMR_AGGREGATOR_WRITING_RM_URL": writing_rm.url,
            "RLMR_AGGREGATOR_VERIFIER_URL": verifier.url,
        }
        aggregator = stack.enter_context(ServiceProcess("aggregator", upstreams))
        for _ in range(300):
            if httpx.get(f"{aggregator.url}/readyz", timeout=10).status_code == 200:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(httpx.get(f"{aggregator.url}/readyz", timeout=10).text)
        yield {"aggregator": aggregator.url, "verifier": verifier.url, "writing-rm": writing_rm.url}


def engine_page() -> str:
    """A metrics page as sglang's, from the names in the recorded contract."""
    names = yaml.safe_load(Path(__file__).with_name("sglang-contract.yaml").read_text())["metrics"]
    labels = 'model_name="judge",engine_type="unified",tp_rank="0"'
    lines = [f"# TYPE {name} gauge\n{name}{{{labels}}} 0.5" for name in names["gauges"]]
    lines += [f"# TYPE {name} counter\n{name}{{{labels}}} 7" for name in names["counters"]]
    for name in names["histograms"]:
        buckets = "\n".join(f'{name}_bucket{{{labels},le="{le}"}} 3' for le in ("0.1", "1", "+Inf"))
        lines.append(f"# TYPE {name} histogram\n{buckets}\n{name}_sum{{{labels}}} 0.2\n{name}_count{{{labels}}} 3")
    return "\n".join(lines) + "\n"


def group(number: int) -> dict[str, Any]:
    """A group in which some obey, some violate, one is empty; lengths vary. A program checks one constraint, a judge the other."""
    tails = [f"the tide came in {'again and again ' * k}at {number}" for k in range(5)]
    responses = [*tails, f"a gull, a boat, a net at {number}", f"one, two, three at {number}", ""]
    return {
        "id": f"g{number}",
        "prompt": "Write about the sea without a comma.",
        "constraints": [{"type": "punctuation:no_comma"}, {"type": "judge", "text": "The tone is calm."}],
        "responses": responses,
    }


def send_traffic(aggregator: str, number: int) -> None:
    """One round: groups that train, a group in which all violate, one malformed request."""
    hopeless = {**group(number), "id": "hopeless", "responses": [f"a, b {number}", f"c, d {number}", f"e, f {number}"]}
    reply = httpx.post(f"{aggregator}/reward", json={"groups": [group(number), hopeless]}, timeout=60)
    assert reply.status_code == 200, reply.text
    assert [g["decision"] for g in reply.json()["groups"]] == ["train", "drop"]
    assert httpx.post(f"{aggregator}/reward", json={"groups": []}, timeout=60).status_code == 422
