"""A release from its installation to its removal, on a real cluster, in this order. Each test leaves the release working."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import helm_python as helm
import httpx
import pytest

from deploy.render import CHART
from tests.cluster.cluster import Cluster
from tests.cluster.load import Load, fault, group
from tests.cluster.release import KEY, NAME, NAMESPACE, Release

HERE = Path(__file__).parent
COMPONENTS = ("aggregator", "verifier", "writing-rm")
TWO_OF_EACH = {key: {"replicas": 2} for key in ("aggregator", "verifier", "writingRm")}


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    installed = Release(cluster)
    try:
        installed.install()
    except helm.HelmError as error:
        pytest.fail(f"{error}\n{installed.explain()}")
    yield installed


@pytest.fixture(autouse=True)
def explained(request: pytest.FixtureRequest, release: Release) -> Iterator[None]:
    started = time.monotonic()
    failed_before = request.session.testsfailed
    yield
    print(f"\n{request.node.name}: {time.monotonic() - started:.0f} s")
    if request.session.testsfailed > failed_before:
        print(release.explain())


def expect_no_failure(load: Load) -> None:
    print(f"{load.requests} requests, {len(load.failures)} failed")
    assert load.requests > 20
    assert load.failures == []


def test_a_cluster_that_is_too_old_is_refused(release: Release) -> None:
    """The one thing of the chart that this cluster must not see (release.py leaves it out): the range of versions."""
    with pytest.raises(helm.HelmError, match=r"requires kubeVersion: >=1\.25\.0-0"):
        release.helm.install(CHART, "refused", release.values)


def test_values_cpu_installs_and_gives_a_reward_through_the_service(release: Release) -> None:
    release.settled()
    headers = {"Authorization": f"Bearer {KEY}"}
    reply = httpx.post(f"{release.url()}/reward", json={"groups": [group(1)]}, headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    assert fault(reply.json()) is None
    assert reply.json()["model"]["engine"].startswith("torch")
    assert httpx.post(f"{release.url()}/reward", json={"groups": [group(1)]}, timeout=60).status_code == 401


def test_helm_test_passes(release: Release) -> None:
    release.helm.test(NAME, timeout=120)


def test_pods_run_as_hardened_as_the_chart_says(release: Release) -> None:
    for component in COMPONENTS:
        (pod,) = release.pods(component)
        name = pod["metadata"]["name"]
        script = "import os; print(os.getuid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])"
        told = release.cluster.kubectl(
            "exec", "-n", NAMESPACE, name, "-c", component, "--", "python3", "-c", script
        ).split()
        assert told == ["10001", "0000000000000000"]
        write = "import os\ntry:\n open('/opt/x', 'w')\nexcept OSError as e:\n print(e.errno)\nprint(os.path.exists('/var/run/secrets'))"
        told = release.cluster.kubectl(
            "exec", "-n", NAMESPACE, name, "-c", component, "--", "python3", "-c", write
        ).split()
        assert told == ["30", "False"]  # EROFS; no service account token


def test_images_are_small(cluster: Cluster) -> None:
    sizes = json.loads((cluster.programs.parent.parent / "sizes.json").read_text())
    assert sizes["aggregator"] < 250e6
    assert sizes["verifier"] < 250e6


def test_autoscaler_follows_the_queue_out_and_in(release: Release) -> None:
    fast = {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]},
        "scaleDown": {"stabilizationWindowSeconds": 5, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}]},
    }
    hpa = {"type": "hpa", "minReplicas": 1, "maxReplicas": 2, "target": 200, "behavior": fast}
    release.upgrade({"writingRm": {"autoscaling": hpa}}, wait=None)
    with Load(release.url(), KEY, workers=16, responses=8, start=100_000) as load:
        out = release.wait_replicas("writing-rm", lambda n: n >= 2, 180)
    quiet = release.wait_replicas("writing-rm", lambda n: n == 1, 120)
    print(f"out after {out:.0f} s, in again {quiet:.0f} s after the load ended")
    expect_no_failure(load)
    release.upgrade({"writingRm": {"autoscaling": {"type": "none"}}})


def test_rolling_upgrade_under_load_loses_nothing(release: Release) -> None:
    release.upgrade(TWO_OF_EACH)
    before = {pod["metadata"]["name"] for pod in release.pods()}
    with Load(release.url(), KEY, start=200_000) as load:
        changed = {"settings": {"LOG_LEVEL": "warning"}}
        release.upgrade(dict.fromkeys(("aggregator", "verifier", "writingRm"), changed))
    assert before.isdisjoint(pod["metadata"]["name"] for pod in release.pods())
    expect_no_failure(load)


def test_node_drain_under_load_loses_nothing(release: Release) -> None:
    with Load(release.url(), KEY, start=300_000) as load:
        release.cluster.kubectl(
            "drain", "node-1", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s", timeout=260
        )
        release.settled()
        assert {pod["spec"]["nodeName"] for pod in release.pods()} == {"node-2"}
    release.cluster.kubectl("uncordon", "node-1")
    expect_no_failure(load)


def test_killed_pods_come_back_and_upstream_losses_are_not_seen(release: Release) -> None:
    """A writing reward model and a verifier die without a word; the aggregator's retries hide it from the callers."""
    with Load(release.url(), KEY, start=400_000) as load:
        for component in ("writing-rm", "verifier"):
            victim = release.pods(component)[0]
            name = victim["metadata"]["name"]
            release.kill_process(victim, component)
            release.cluster.kubectl(
                "wait", "--for=condition=Ready=false", f"pod/{name}", "-n", NAMESPACE, "--timeout=30s", check=False
            )
            release.settled()
            assert release.restarts(name, component) == 1
    expect_no_failure(load)


def test_killed_engine_container_gives_no_wrong_score(release: Release) -> None:
    engine = {
        "type": "sglang",
        "image": {"repository": "docker.io/library/rlmr-writing-rm", "tag": "0.1.0"},
        "command": ["python3", "-c", (HERE / "engine.py").read_text(), "/models/rlmr-story-world@0.1.0", "30000"],
        "extraEnv": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "512Mi"},
            "limits": {"memory": "2Gi", "nvidia.com/gpu": None},
        },
        "shmSize": "64Mi",
    }
    release.upgrade({"writingRm": {"engine": engine, "settings": {"ENGINE_CHECK_SECONDS": "0.5"}}})
    headers = {"Authorization": f"Bearer {KEY}"}
    asked = {"groups": [group(500_000)]}
    expected = httpx.post(f"{release.url()}/reward", json=asked, headers=headers, timeout=60).json()["groups"][0]
    victim = release.pods("writing-rm")[0]
    name = victim["metadata"]["name"]
    with Load(release.url(), KEY, workers=2, start=510_000) as load:
        release.kill_process(victim, "engine")
        while release.restarts(name, "engine") == 0:
            time.sleep(0.5)
        release.settled()
    # The other pod may be asked meanwhile; what must never come is a number that is not the model's.
    assert [f for f in load.failures if "wrong" in f or "below the mean" in f] == []
    after = httpx.post(f"{release.url()}/reward", json=asked, headers=headers, timeout=60).json()["groups"][0]
    assert after["writing"] == pytest.approx(expected["writing"], abs=1e-3)
    print(f"{load.requests} requests, {len(load.failures)} without an answer while the engine was away")
    release.upgrade({"writingRm": {"engine": {"type": "torch", "command": []}}})


def test_a_bad_release_is_rolled_back_without_a_lost_request(release: Release) -> None:
    good, revisions = release.values, len(release.helm.history(NAME))
    with Load(release.url(), KEY, workers=2, start=600_000) as load, pytest.raises(helm.HelmError):
        bad = {"aggregator": {"settings": {"STRATEGY": "no-such-strategy"}}}
        release.upgrade(bad, rollback_on_failure=True, timeout=30)
    release.values = good
    release.settled()
    history = [entry["status"] for entry in release.helm.history(NAME)]
    assert history[-1] == "deployed"
    assert "failed" in history[-2:]
    assert len(history) == revisions + 2
    expect_no_failure(load)


def test_uninstall_leaves_nothing(release: Release) -> None:
    release.helm.uninstall(NAME, wait="watcher", timeout=180)
    deadline = time.monotonic() + 150
    left = release.objects()
    while left != {"secret/rlmr-api-key"} and time.monotonic() < deadline:
        time.sleep(1)
        left = release.objects()
    assert left == {"secret/rlmr-api-key"}  # the operator's own
