"""A real Kubernetes 1.20 with two nodes on one machine: etcd, API server, controllers, scheduler, kubelets, containerd, kube-proxy.

Runs only inside the namespaces that run.sh makes (network, mounts, processes): nothing of it is visible outside, and all of it
ends with them. Certificates are not checked and the keys are no secrets: the API server listens inside the namespace only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.cluster import cgroups, network
from tests.cluster.processes import Processes, wait_for

API = f"https://{network.ADDRESS}:16443"
ADMIN, NODE = "admin-token", "node-token"
HERE = Path(__file__).parent
# What an HPA needs to react within a test: the controller's defaults wait for minutes.
HPA = (
    "--horizontal-pod-autoscaler-sync-period=3s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
)


def kubeconfig(path: Path, token: str) -> Path:
    """Credentials as JSON, which is YAML."""
    cluster = {"server": API, "insecure-skip-tls-verify": True}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(json.dumps(config))
    return path


class Cluster:
    """`start` brings it up, `stop` takes it down; use `kubectl` and `get` in between. `attach` uses one that another run has kept."""

    def __init__(self, programs: Path, state: Path, archives: Sequence[Path], nodes: int = 2) -> None:
        self.programs, self.state, self.archives, self.nodes = programs, state, archives, nodes
        self.processes = Processes(state / "logs")
        self.admin = state / "admin.kubeconfig"
        self._stopping = threading.Event()

    # ---- life

    def start(self) -> None:
        started = time.monotonic()
        for folder in ("certs", "etcd"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        self._hide_shared_folders()
        network.set_up(self.nodes)
        self._control_plane()
        self._aggregated_apis()
        with ThreadPoolExecutor() as together:  # most of it is reading images
            list(together.map(self._node, range(1, self.nodes + 1)))
        self._proxy()
        self._dns()
        for number in range(1, self.nodes + 1):
            name = f"node-{number}"
            wait_for(name, lambda name=name: self.kubectl("get", "node", name, check=False), 60, self.processes.check)  # type: ignore[misc]
            self.kubectl("wait", "--for=condition=Ready", f"node/{name}", "--timeout=60s")
        for name in ("v2.autoscaling", "v1.policy", "v1beta1.custom.metrics.k8s.io"):
            self.kubectl("wait", "--for=condition=Available", f"apiservice/{name}", "--timeout=60s")
        (self.state / "up").touch()
        print(f"\ncluster up: {time.monotonic() - started:.0f} s", flush=True)

    def attach(self) -> None:
        """Use the programs that another process of these namespaces has started; they are not watched."""
        self._follow_services()

    def leave(self) -> None:
        """The cluster stays as it is, for `attach`."""
        self._stopping.set()

    def stop(self) -> None:
        """Containers first, through their own runtime; then every program; then mounts and control groups."""
        self._stopping.set()
        for name in ("controller-manager", "scheduler", *(f"kubelet-{n}" for n in range(1, self.nodes + 1))):
            process = self.processes.running.pop(name, None)
            if process is not None:
                process.kill()
                process.wait()
        for number in range(1, self.nodes + 1):
            for task in self.ctr(number, "tasks", "ls", "-q", check=False).split():
                self.ctr(number, "tasks", "kill", "-a", "-s", "SIGKILL", task, check=False)
                self.ctr(number, "tasks", "delete", "-f", task, check=False)
        self.processes.stop()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(f"{self.state}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=True)
        shutil.rmtree(self.state / "nodes", ignore_errors=True)

    # ---- use

    def kubectl(self, *arguments: str, check: bool = True, timeout: float = 180, stdin: str | None = None) -> str:
        command = [str(self.programs / "kubectl"), f"--kubeconfig={self.admin}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            self.processes.check()
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Items of `kubectl get ... -o json`."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        items: list[dict[str, Any]] = answer.get("items", [answer])
        return items

    def ctr(self, number: int, *arguments: str, check: bool = True) -> str:
        """containerd's own client on node `number`."""
        socket = self.state / "nodes" / str(number) / "containerd.sock"
        command = ["ctr", "--address", str(socket), "--namespace", "k8s.io", *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=180).stdout

    # ---- parts

    def _hide_shared_folders(self) -> None:
        """Folders that kubelet, containerd and the CNI plugins use wherever their own state is: ours for the life of the mounts."""
        for folder in ("/var/log/pods", "/var/log/containers", "/run/netns", "/run/containerd"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "rlmr-cluster", folder], check=True)

    def _control_plane(self) -> None:
        state, certs = self.state, self.state / "certs"
        key = certs / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        certificate = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=aggregated-api",
        ]
        certificate += ["-keyout", str(certs / "api.key"), "-out", str(certs / "api.pem")]
        subprocess.run(certificate, check=True, capture_output=True)
        tokens = state / "tokens.csv"
        tokens.write_text(f'{ADMIN},admin,admin,"system:masters"\n{NODE},node,node,"system:masters"\n')
        kubeconfig(self.admin, ADMIN)
        self.processes.start(
            "etcd",
            [
                "etcd",
                f"--data-dir={state / 'etcd'}",
                "--listen-client-urls=http://127.0.0.1:23790",
                "--advertise-client-urls=http://127.0.0.1:23790",
                "--listen-peer-urls=http://127.0.0.1:23800",
                "--unsafe-no-fsync",
            ],
        )
        self.processes.start(
            "api-server",
            [
                self.programs / "kube-apiserver",
                "--etcd-servers=http://127.0.0.1:23790",
                f"--bind-address={network.ADDRESS}",
                f"--advertise-address={network.ADDRESS}",
                "--secure-port=16443",
                "--insecure-port=0",
                f"--cert-dir={certs}",
                f"--token-auth-file={tokens}",
                "--authorization-mode=RBAC",
                # logs and exec go to the node's address: nobody resolves its name
                "--kubelet-preferred-address-types=InternalIP",
                "--allow-privileged=true",
                f"--service-cluster-ip-range={network.SERVICES}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--enable-aggregator-routing=true",
                "--profiling=false",
            ],
        )

        def ready() -> bool:
            done = self.kubectl("get", "--raw", "/readyz", check=False)
            return done == "ok"

        wait_for("the API server", ready, 60, self.processes.check)
        self.processes.start(
            "controller-manager",
            [
                self.programs / "kube-controller-manager",
                f"--kubeconfig={self.admin}",
                f"--service-account-private-key-file={key}",
                f"--root-ca-file={certs / 'apiserver.crt'}",
                "--leader-elect=false",
                "--port=0",
                "--bind-address=127.0.0.1",
                *HPA,
            ],
        )
        scheduler = [f"--kubeconfig={self.admin}", "--leader-elect=false", "--port=0", "--bind-address=127.0.0.1"]
        self.processes.start("scheduler", [self.programs / "kube-scheduler", *scheduler])

    def _aggregated_apis(self) -> None:
        certs = self.state / "certs"
        parts = {
            "api-shim": ("tests.cluster.api_shim", 16445, [("autoscaling", "v2", 17500), ("policy", "v1", 16800)]),
            "metrics-api": ("tests.cluster.metrics_api", 16446, [("custom.metrics.k8s.io", "v1beta1", 100)]),
        }
        for name, (module, port, groups) in parts.items():
            env = {
                **os.environ,
                "UPSTREAM": API,
                "TOKEN": ADMIN,
                "PORT": str(port),
                "CERTIFICATE": str(certs / "api.pem"),
                "KEY": str(certs / "api.key"),
            }
            self.processes.start(name, [sys.executable, "-m", module], env)
            meta = {"name": name, "namespace": "kube-system"}
            service = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
            service["spec"] = {"ports": [{"port": 443, "targetPort": port}]}
            subset = {"addresses": [{"ip": network.ADDRESS}], "ports": [{"port": port}]}
            endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [subset]}
            registrations = [
                {
                    "apiVersion": "apiregistration.k8s.io/v1",
                    "kind": "APIService",
                    "metadata": {"name": f"{version}.{group}"},
                    "spec": {
                        "service": {"name": name, "namespace": "kube-system"},
                        "group": group,
                        "version": version,
                        "insecureSkipTLSVerify": True,
                        "groupPriorityMinimum": priority,
                        "versionPriority": 100,
                    },
                }
                for group, version, priority in groups
            ]
            items = {"apiVersion": "v1", "kind": "List", "items": [service, endpoints, *registrations]}
            self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def _node(self, number: int) -> None:
        name, folder = f"node-{number}", self.state / "nodes" / str(number)
        folder.mkdir(parents=True)
        network.cni_config(folder / "cni", number, folder)
        cgroup = cgroups.create(name)
        spec = json.loads(subprocess.run(["ctr", "oci", "spec"], check=True, capture_output=True, text=True).stdout)
        # containerd's default asks for more open files than a sandbox may grant.
        spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 20000}]
        (folder / "base-spec.json").write_text(json.dumps(spec))
        (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder, cni=cni_programs(), state=folder))
        self.processes.start(f"containerd-{number}", ["containerd", "--config", folder / "containerd.toml"])
        wait_for(f"containerd of {name}", lambda: self.ctr(number, "version", check=False), 30, self.processes.check)
        started = time.monotonic()
        for archive in self.archives:
            self.ctr(number, "images", "import", str(archive))
        print(f"images on {name}: {time.monotonic() - started:.0f} s", flush=True)
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "address": network.node_address(number),
            "healthzPort": 0,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroup,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "clusterDomain": "cluster.local",
            "clusterDNS": [network.ADDRESS],
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi"},
        }
        (folder / "kubelet.json").write_text(json.dumps(config))
        self.processes.start(
            f"kubelet-{number}",
            [
                self.programs / "kubelet",
                f"--config={folder / 'kubelet.json'}",
                f"--kubeconfig={kubeconfig(folder / 'kubeconfig', NODE)}",
                f"--root-dir={folder / 'kubelet'}",
                f"--cert-dir={folder / 'pki'}",
                "--container-runtime=remote",
                f"--container-runtime-endpoint=unix://{folder / 'containerd.sock'}",
                f"--hostname-override={name}",
                f"--node-ip={network.node_address(number)}",
            ],
        )

    def _proxy(self) -> None:
        """One kube-proxy: both nodes share the network namespace, and so its rules."""
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "bindAddress": network.ADDRESS,
            "healthzBindAddress": "",
            "metricsBindAddress": "",
            "clientConnection": {"kubeconfig": str(self.admin)},
            "clusterCIDR": network.PODS,
            "hostnameOverride": "node-1",
            "mode": "iptables",
            # Pods of one node are on one bridge: answers must come back through the rules that rewrote the destination.
            "iptables": {"masqueradeAll": True, "minSyncPeriod": "0s", "syncPeriod": "30s"},
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
            "oomScoreAdj": 0,
        }
        path = self.state / "proxy.json"
        path.write_text(json.dumps(config))
        wait_for("node-1", lambda: self.kubectl("get", "node", "node-1", check=False), 60, self.processes.check)
        self.processes.start("proxy", [self.programs / "kube-proxy", f"--config={path}"])

    def _dns(self) -> None:
        """dnsmasq, told the Services every second: cluster DNS as far as the chart uses it."""
        hosts = self.state / "hosts"
        hosts.write_text("")
        self.processes.start(
            "dns",
            [
                "dnsmasq",
                "--no-daemon",
                "--no-hosts",
                "--no-resolv",
                f"--addn-hosts={hosts}",
                f"--listen-address={network.ADDRESS}",
                "--bind-interfaces",
                "--local=/cluster.local/",
                "--pid-file=",
                "--user=root",
            ],
        )
        (self.state / "dns.pid").write_text(str(self.processes.running["dns"].pid))
        self._follow_services()

    def _follow_services(self) -> None:
        hosts = self.state / "hosts"

        def follow() -> None:
            known = ""
            while not self._stopping.wait(1.0):
                lines = [
                    f"{s['spec']['clusterIP']} {s['metadata']['name']}.{s['metadata']['namespace']}.svc.cluster.local"
                    for s in self.get("services", "-A")
                    if s["spec"].get("clusterIP", "None") != "None"
                ]
                if (now := "\n".join(sorted(lines)) + "\n") != known:
                    hosts.write_text(now)
                    os.kill(int((self.state / "dns.pid").read_text()), signal.SIGHUP)
                    known = now

        threading.Thread(target=follow, daemon=True, name="dns").start()


def cni_programs() -> Path:
    return next(p for p in (Path("/usr/lib/cni"), Path("/opt/cni/bin")) if (p / "bridge").exists())


CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{state}/run"
oom_score = 0
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:3"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "{folder}/base-spec.json"
"""
