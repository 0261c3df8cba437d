"""The network of the test cluster: everything inside the network namespace that run.sh made, with no way out of it.

10.250.0.0/24  the node addresses (10.250.0.1 also is the API server and the DNS server)
10.244.N.0/24  the pods of node N, a bridge each
10.96.0.0/16   Services (addresses that only iptables rules know)
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ADDRESS = "10.250.0.1"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"


def node_address(number: int) -> str:
    return f"10.250.0.{number}"


def set_up(nodes: int) -> None:
    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)

    ip("link", "set", "lo", "up")
    # A pair of interfaces of which nobody uses the other end: gives the node addresses a link that is up.
    ip("link", "add", "nodes", "type", "veth", "peer", "name", "nodes-end")
    for number in range(1, nodes + 1):
        ip("address", "add", f"{node_address(number)}/24", "dev", "nodes")
    ip("link", "set", "nodes-end", "up")
    ip("link", "set", "nodes", "up")
    # Lets a process of this namespace open a connection to a Service; kube-proxy's rules then rewrite the destination.
    ip("route", "add", "default", "dev", "nodes", "src", ADDRESS)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def cni_config(folder: Path, number: int, state: Path) -> None:
    """Configuration of the CNI plugins (bridge, host-local) for one node's pods."""
    folder.mkdir(parents=True, exist_ok=True)
    bridge = {
        "type": "bridge",
        "bridge": f"pods{number}",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(state / "ipam"),
            "ranges": [[{"subnet": f"10.244.{number}.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    config = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (folder / "10-pods.conflist").write_text(json.dumps(config))
