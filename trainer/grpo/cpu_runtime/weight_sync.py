"""Policy -> vLLM weight broadcast without NCCL, with the interface of vLLM's PyNcclCommunicator."""

from typing import Any


class StoreBroadcast:
    """Broadcasts one tensor at a time over the TCP store of vLLM's StatelessProcessGroup. Fit for megabytes, not gigabytes."""

    def __init__(self, group: Any) -> None:
        self.group = group

    def broadcast(self, tensor: Any, src: int, stream: Any = None) -> None:
        sending = self.group.rank == src
        received = self.group.broadcast_obj(tensor.detach().cpu().clone() if sending else None, src)
        if not sending:
            tensor.copy_(received)


def stateless_init_process_group(
    master_address: str, master_port: int, rank: int, world_size: int, device: Any
) -> StoreBroadcast:
    """Same signature as openrlhf.utils.distributed_util.stateless_init_process_group, which it replaces."""
    from vllm.distributed.utils import StatelessProcessGroup

    return StoreBroadcast(
        StatelessProcessGroup.create(host=master_address, port=master_port, rank=rank, world_size=world_size)
    )


def install() -> None:
    """Both ends look the function up in this module at call time (the actor imported it by name, hence the second line)."""
    import openrlhf.trainer.ray.ppo_actor as ppo_actor
    import openrlhf.utils.distributed_util as distributed_util

    distributed_util.stateless_init_process_group = stateless_init_process_group
    ppo_actor.stateless_init_process_group = stateless_init_process_group
