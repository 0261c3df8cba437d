"""Control groups for the nodes: one subtree a node in every version 1 controller, removed at the end.

Two kubelets on one machine need roots of their own, for each removes the groups of pods that it does not know.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
ROOT = "rlmr-cluster"
NEEDED = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer")


def controllers() -> list[Path]:
    """Every mounted hierarchy of version 1, the named systemd one included (runc joins them all)."""
    return [path for path in MOUNT.iterdir() if path.is_dir() and not path.is_symlink() and (path / "tasks").exists()]


def missing() -> list[str]:
    return [name for name in NEEDED if not (MOUNT / name / "tasks").exists()]


def create(node: str) -> str:
    """The node's group in every controller; returns it as kubelet's --cgroup-root."""
    for controller in controllers():
        group = controller
        for part in (ROOT, node):
            group = group / part
            group.mkdir(exist_ok=True)
            if (group / "cpuset.cpus").exists():  # empty in a new group: no process could enter
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (group / file).write_text((group.parent / file).read_text())
    return f"/{ROOT}/{node}"


def remove(patience: float = 30) -> None:
    """Every group below the root, deepest first. All their processes have been killed before; the last may still be going."""
    deadline = time.monotonic() + patience
    for controller in MOUNT.iterdir():  # runc also makes groups in the unified hierarchy
        for folder, _, _ in os.walk(controller / ROOT, topdown=False):
            while True:
                try:
                    Path(folder).rmdir()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)


if __name__ == "__main__":
    remove()
