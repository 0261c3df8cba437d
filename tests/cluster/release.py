"""One release of the chart on the test cluster, driven through Helm's own SDK."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm

from deploy.render import CHART, merge, values_of
from tests.cluster.cluster import Cluster
from tests.cluster.processes import wait_for

NAMESPACE, NAME, KEY = "stories", "rlmr", "a-key-for-the-test"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "rlmr-api-key", "namespace": NAMESPACE},
    "data": {"api-key": base64.b64encode(KEY.encode()).decode()},
}
# Everything that the chart can create, and what Helm keeps about a release.
KINDS = (
    "deployments,jobs,replicasets,pods,services,configmaps,secrets,serviceaccounts,hpa,pdb,networkpolicies,ingresses"
)


# The grace of a probe came with 1.25, the oldest version that the chart supports; this one would refuse the field.
NO_PROBE_GRACE = {p: {"terminationGracePeriodSeconds": None} for p in ("startupProbe", "livenessProbe")}
OLDER: dict[str, Any] = {
    "aggregator": NO_PROBE_GRACE,
    "verifier": {**NO_PROBE_GRACE, "engine": NO_PROBE_GRACE},
    "writingRm": {**NO_PROBE_GRACE, "engine": NO_PROBE_GRACE},
}


class Release:
    def __init__(self, cluster: Cluster, values: Mapping[str, Any] | None = None) -> None:
        self.cluster = cluster
        self.chart = without_version_range(cluster.state / "chart")
        self.helm = helm.Config(kubeconfig_path=cluster.admin, namespace=NAMESPACE)
        # values-cpu.yaml, as far as this version knows its fields; the key comes from a Secret that exists, as in production.
        self.values: dict[str, Any] = values_of(
            ["values-cpu.yaml"], merge(merge({"auth": {"existingSecret": "rlmr-api-key"}}, OLDER), values or {})
        )

    def install(self) -> None:
        """Or take over the release that is there (a kept cluster)."""
        if self.helm.list(name_filter=f"^{NAME}$"):
            self.values = self.helm.get_values(NAME)
            return
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(SECRET))
        self.helm.install(self.chart, NAME, self.values, wait="watcher", timeout=240)

    def upgrade(self, change: Mapping[str, Any], **options: Any) -> None:
        """`helm upgrade --reset-values -f <values so far> -f <change> --wait`."""
        self.values = merge(self.values, change)
        self.helm.upgrade(self.chart, NAME, self.values, **{"wait": "watcher", "timeout": 300, **options})
        if options.get("wait", "watcher"):
            self.settled()

    def settled(self, patience: float = 240) -> None:
        """Until every pod that is there is wanted, ready and not on its way out."""

        def steady() -> bool:
            pods = self.pods()
            wanted = sum(d["spec"]["replicas"] for d in self.cluster.get("deployments", "-n", NAMESPACE))
            return len(pods) == wanted and all(map(ready, pods))

        wait_for("a settled release", steady, patience, self.cluster.processes.check)

    def objects(self) -> set[str]:
        names = self.cluster.kubectl("get", KINDS, "-n", NAMESPACE, "-o", "name").split()
        # What Kubernetes itself puts into every namespace, sooner or later.
        given = ("secret/default-token", "serviceaccount/default", "configmap/kube-root-ca.crt")
        return {name for name in names if not name.startswith(given)}

    def pods(self, component: str | None = None) -> list[dict[str, Any]]:
        labels = f"app.kubernetes.io/instance={NAME}" + (
            f",app.kubernetes.io/component={component}" if component else ""
        )
        # Neither the pod of `helm test` nor that of a Job that has fetched a model is one of the release's services.
        found = self.cluster.get("pods", "-n", NAMESPACE, "-l", f"{labels},app.kubernetes.io/component!=test")
        return [pod for pod in found if pod["status"].get("phase") != "Succeeded"]

    def url(self, component: str = "aggregator") -> str:
        (service,) = self.cluster.get("service", f"{NAME}-{component}", "-n", NAMESPACE)
        return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"

    def wait_replicas(self, component: str, test: Any, patience: float) -> float:
        """Seconds until test(ready replicas) holds."""

        def now() -> bool:
            return bool(test(sum(map(ready, self.pods(component)))))

        return wait_for(f"{component}: number of ready pods", now, patience, self.cluster.processes.check)

    def kill_process(self, pod: dict[str, Any], container: str) -> None:
        """SIGKILL to the first process of a container, as the kernel's out-of-memory killer does."""
        (status,) = [s for s in pod["status"]["containerStatuses"] if s["name"] == container]
        number = int(pod["spec"]["nodeName"].removeprefix("node-"))
        task = status["containerID"].removeprefix("containerd://")
        self.cluster.ctr(number, "tasks", "kill", "-s", "SIGKILL", task)

    def restarts(self, pod: str, container: str) -> int:
        (found,) = self.cluster.get("pod", pod, "-n", NAMESPACE)
        return next(s["restartCount"] for s in found["status"]["containerStatuses"] if s["name"] == container)

    def explain(self) -> str:
        """What a person would look at after a failure."""
        run = self.cluster.kubectl
        pods = run("get", "pods", "-n", NAMESPACE, "-o", "wide", check=False)
        events = run("get", "events", "-n", NAMESPACE, "--sort-by=.lastTimestamp", check=False)
        logs = run("logs", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={NAME}", "--all-containers", "--tail=5", "--prefix", check=False)  # fmt: skip
        return f"{time.strftime('%X')}\n{pods}\n{events[-6000:]}\n{logs[-6000:]}"


def without_version_range(folder: Path) -> Path:
    """The chart, word for word, but for the range of versions in Chart.yaml: this cluster is older, and says so."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHART, folder)
    manifest = folder / "Chart.yaml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("kubeVersion:")))
    return folder


def ready(pod: dict[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
