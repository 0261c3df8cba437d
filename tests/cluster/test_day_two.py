"""What comes after the installation: a shared claim, a node with one slot, a hung engine, two runs and a new model. In this order."""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.render import ROOT, merge, render
from services.writing_rm.model.manifest import read_manifest, write_manifest
from tests.chart.hub import Hub
from tests.cluster import network
from tests.cluster.cluster import ADMIN, API, Cluster
from tests.cluster.load import Load
from tests.cluster.prepare import model_directory
from tests.cluster.release import KEY, NAME, NAMESPACE, Release

HERE = Path(__file__).parent
OLD, NEW = "a" * 40, "b" * 40
TARGET = f"/models/org--model@{OLD}"
# sglang's shape: a launcher that is process 1, and the process that computes below it.
LAUNCH = 'python3 -c "$0" "$1" "$2" & child=$!; trap "kill -KILL $child" TERM; wait $child'
STOP = """
import os, pathlib, signal
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    try:
        name, state, parent = stat.read_text().split()[1:4]
    except OSError:  # a probe that has ended
        continue
    if "python" in name and parent == "1":
        os.kill(int(stat.parent.name), signal.SIGSTOP)
        print("stopped")
"""


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def next_model(folder: Path) -> dict[str, bytes]:
    """The same weights under another revision: a shorter limit is part of what a score may depend on."""
    with tempfile.TemporaryDirectory() as scratch:
        manifest = read_manifest(folder)
        write_manifest(Path(scratch), manifest.model_copy(update={"max_tokens": manifest.max_tokens - 1}))
        return {**files_of(folder), **files_of(Path(scratch))}


@pytest.fixture(scope="module")
def hub(cluster: Cluster) -> Iterator[Hub]:
    folder = model_directory()
    with Hub({OLD: files_of(folder), NEW: next_model(folder)}, network.ADDRESS) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def values(cluster: Cluster, hub: Hub) -> dict[str, Any]:
    """Of a release whose model comes from the hub, through a claim that both nodes see (one directory of this machine)."""
    shared = cluster.state / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    meta = {"name": "models", "namespace": NAMESPACE}
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": "models"}
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "hostPath": {"path": str(shared)},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "models"}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": meta,
            "spec": {**spec, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    model = {
        "source": "hub",
        "hub": {"repository": "org/model", "revision": OLD},
        "cache": {"claimName": "models"},
        "download": {
            "endpoint": f"http://{network.ADDRESS}:{hub.server_port}",
            "extraEnv": [{"name": "HF_HUB_DISABLE_XET", "value": "1"}],
        },
    }
    return {"writingRm": {"model": model, "pdb": {"enabled": False}}}


@pytest.fixture(scope="module")
def release(cluster: Cluster, values: dict[str, Any]) -> Iterator[Release]:
    installed = Release(cluster, values)
    installed.install()
    yield installed
    installed.helm.uninstall(NAME, wait="watcher", timeout=180)


@pytest.fixture(autouse=True)
def timed(request: pytest.FixtureRequest) -> Iterator[None]:
    started, failed = time.monotonic(), request.session.testsfailed
    yield
    print(f"\n{request.node.name}: {time.monotonic() - started:.0f} s")
    if request.session.testsfailed > failed and "release" in request.fixturenames:
        print(request.getfixturevalue("release").explain())


def test_plain_manifests_apply_at_once(cluster: Cluster) -> None:
    """The API server takes every object in one go, the namespace first. (Fields newer than 1.20 are left out by it.)"""
    folder = str(ROOT / "deploy/k8s/cpu")
    said = cluster.kubectl("apply", "--validate=false", "-k", folder)
    assert said.count(" created") == 1 + 3 * 5 + 1  # namespace, account, and five objects a service
    cluster.kubectl("delete", "-k", folder, "--wait=false")


def test_ten_pods_on_an_empty_claim_and_one_download(cluster: Cluster, hub: Hub, values: dict[str, Any]) -> None:
    wanted = merge(Release(cluster, values).values, {"image": {"pullPolicy": "Never"}})
    documents = render(wanted, release=NAME, namespace=NAMESPACE, kube_version="1.20.2")
    account = next(d for d in documents if d["kind"] == "ServiceAccount")
    (job,) = [d for d in documents if d["kind"] == "Job"]
    rival = copy.deepcopy(job)  # another release that shares the claim
    rival["metadata"]["name"] = "rival"
    spec = next(d for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"] == "rlmr-writing-rm")
    spec = {**spec["spec"]["template"]["spec"], "restartPolicy": "Never", "topologySpreadConstraints": []}
    service = spec["containers"][0]
    spec["containers"] = [
        {
            "name": "hash",
            "image": service["image"],
            "command": ["sh", "-c", f"cd {TARGET} && find . -type f ! -name .rlmr-complete | sort | xargs sha256sum"],
            "volumeMounts": service["volumeMounts"],
        }
    ]
    readers = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"reader-{i}", "namespace": NAMESPACE, "labels": {"reader": "yes"}},
            "spec": spec,
        }
        for i in range(10)
    ]
    items = {"apiVersion": "v1", "kind": "List", "items": [account, *readers, job, rival]}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(items))
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        phases = [p["status"]["phase"] for p in cluster.get("pods", "-n", NAMESPACE, "-l", "reader=yes")]
        if phases == ["Succeeded"] * 10:
            break
        time.sleep(1)
    expected = {name: hashlib.sha256(body).hexdigest() for name, body in files_of(model_directory()).items()}
    for i in range(10):
        lines = cluster.kubectl("logs", f"reader-{i}", "-n", NAMESPACE).splitlines()
        assert {line[66:].removeprefix("./"): line[:64] for line in lines} == expected, f"reader-{i}: {phases}"
    assert hub.fetched == {(OLD, name): 1 for name in expected}
    cluster.kubectl("delete", "job,pod,serviceaccount", "--all", "-n", NAMESPACE, "--grace-period=1")


def test_an_upgrade_finishes_where_one_pod_has_the_only_slot(release: Release) -> None:
    """A slot stands for a GPU: the new pod cannot be placed before the old one goes."""
    patch = [{"op": "add", "path": "/status/capacity/rlmr.io~1slot", "value": "1"}]
    headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json-patch+json"}
    httpx.patch(f"{API}/api/v1/nodes/node-1/status", content=json.dumps(patch), headers=headers, verify=False).raise_for_status()  # fmt: skip
    engine = {
        "type": "sglang",
        "image": {"repository": "docker.io/library/rlmr-writing-rm", "tag": "0.1.0"},
        "command": ["sh", "-c", LAUNCH, (HERE / "engine.py").read_text(), TARGET, "30000"],
        "extraEnv": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "512Mi", "ephemeral-storage": "64Mi"},
            "limits": {"memory": "2Gi", "nvidia.com/gpu": None, "rlmr.io/slot": "1"},
        },
        "shmSize": "64Mi",
        "livenessProbe": {"periodSeconds": 5, "failureThreshold": 2, "timeoutSeconds": 4},
    }
    # Far longer than a hung engine may take to come back (the next test).
    patience = {"shutdownSeconds": 200, "terminationGracePeriodSeconds": 240}
    release.upgrade({"writingRm": {"engine": engine, **patience}})
    (before,) = release.pods("writing-rm")
    started = time.monotonic()
    release.upgrade({"writingRm": {"settings": {"LOG_LEVEL": "warning"}}})
    (after,) = release.pods("writing-rm")
    assert after["metadata"]["name"] != before["metadata"]["name"]
    print(f"replaced in {time.monotonic() - started:.0f} s")


def test_a_hung_engine_is_restarted_long_before_the_grace_of_its_pod(release: Release) -> None:
    (pod,) = release.pods("writing-rm")
    name = pod["metadata"]["name"]
    stopped = release.cluster.kubectl("exec", "-n", NAMESPACE, name, "-c", "engine", "--", "python3", "-c", STOP)
    assert stopped.split() == ["stopped"]
    started = time.monotonic()
    while release.restarts(name, "engine") == 0:
        assert time.monotonic() - started < 100, release.explain()
        time.sleep(0.5)
    took = time.monotonic() - started
    print(f"restarted {took:.0f} s after SIGSTOP; the pod's grace is {pod['spec']['terminationGracePeriodSeconds']} s")
    release.settled()
    assert release.restarts(name, "writing-rm") == 0
    release.upgrade({"writingRm": {"engine": {"type": "torch", "command": []}, "shutdownSeconds": 60}})


def test_a_run_ends_on_its_model_while_the_next_one_rolls_out(release: Release, hub: Hub) -> None:
    """Two runs with an aggregator each share one reward model; a third asks the next model, which also shadows the first run."""
    release.upgrade({"aggregators": {"run-a": {}, "run-b": {}}})
    a = Load(release.url("aggregator-run-a"), KEY, workers=2, start=700_000)
    b = Load(release.url("aggregator-run-b"), KEY, workers=2, start=800_000)
    with a, b:
        release.upgrade(
            {
                "writingRms": {"next": {"model": {"hub": {"revision": NEW}}}},
                "aggregators": {"run-a": {"shadow": {"writingRm": "next"}}, "run-c": {"writingRm": "next"}},
            }
        )
        with Load(release.url("aggregator-run-c"), KEY, workers=1, start=900_000) as c:
            time.sleep(10)
        headers = {"Authorization": f"Bearer {KEY}"}
        report = httpx.get(f"{release.url('aggregator-run-a')}/v1/shadow", headers=headers).json()
    for load in (a, b, c):
        print(f"{load.requests} requests, {len(load.failures)} failed, revisions {sorted(load.revisions)}")
        assert load.requests > 5
        assert load.failures == []
        assert len(load.revisions) == 1  # no group, and no reply, of two revisions
    assert a.revisions == b.revisions
    assert a.revisions.isdisjoint(c.revisions)
    print(report)
    assert (report["counted_revision"], report["shadow_revision"]) == (*a.revisions, *c.revisions)
    assert report["outcomes"]["compared"] > 0
    # The same weights under another revision.
    assert report["difference_largest"] < 1e-3
    assert report["pairs_in_the_same_order"] == 1.0
