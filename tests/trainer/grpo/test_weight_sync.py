"""The CPU weight sync between real processes: what arrives, and that neither side keeps what was sent."""

import json
import socket
import subprocess
import sys

import pytest

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

PEER = """
import json, os, resource, sys
import torch
from trainer.grpo.cpu_runtime.weight_sync import stateless_init_process_group

rank, port, syncs, megabytes = map(int, sys.argv[1:])

def resident():  # MiB now, not the largest ever
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

group = stateless_init_process_group("127.0.0.1", port, rank, 3, "cpu")
weights = [torch.empty(megabytes * 2**20 // 8 // 2, dtype=torch.bfloat16) for _ in range(8)]
odd = torch.zeros((), dtype=torch.float32)
after_first = 0.0
for sync in range(syncs):
    for i, weight in enumerate(weights):
        if rank == 0:
            weight.fill_(sync % 100 + i)
        group.broadcast(weight, src=0)
        assert weight[0] == weight[-1] == sync % 100 + i, (sync, i, weight[0])
    if rank == 0:
        odd.fill_(0.1 * sync)
    group.broadcast(odd, src=0)
    assert abs(float(odd) - 0.1 * sync) < 1e-4
    if sync == 4:
        after_first = resident()
print(json.dumps({"first": after_first, "last": resident()}), flush=True)
os._exit(0)  # as Ray ends an actor: a thread of gloo's may abort an interpreter that ends by itself
"""


def memory_over(syncs: int, megabytes: int) -> list[dict[str, float]]:
    """Resident MiB of one sender and two receivers after the fifth and after the last of `syncs` broadcasts of a model."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    peers = [
        subprocess.Popen(
            [sys.executable, "-c", PEER, str(rank), str(port), str(syncs), str(megabytes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    try:
        answers = [peer.communicate(timeout=500)[0] for peer in peers]
    finally:
        for peer in peers:
            peer.kill()
    assert [peer.returncode for peer in peers] == [0, 0, 0]
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def test_memory_stays_flat_while_weights_are_sent_again_and_again() -> None:
    """30 x 24 MB: a side that kept what it sent would hold 700 MB more. (200 x 270 MB by hand: docs/training.md.)"""
    for memory in memory_over(syncs=30, megabytes=24):
        assert memory["last"] - memory["first"] < 100, memory


if __name__ == "__main__":  # python -m tests.trainer.grpo.test_weight_sync: a real model's size
    print(memory_over(syncs=200, megabytes=270))
