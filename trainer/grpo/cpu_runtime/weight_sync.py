"""Policy -> vLLM weight broadcast without NCCL, with the interface of vLLM's PyNcclCommunicator.

Over gloo, which keeps nothing of what it sent. vLLM's own StatelessProcessGroup.broadcast_obj would do for a few objects: it keeps
each in its store for an hour, a copy of the model per step.
"""

from typing import Any


class GlooBroadcast:
    """Broadcasts one tensor at a time between the policy (rank 0) and all engines."""

    def __init__(self, group: Any) -> None:
        """`group`: a torch ProcessGroup over gloo."""
        self.group = group

    def broadcast(self, tensor: Any, src: int, stream: Any = None) -> None:
        """In place: `tensor` is sent by rank `src` and filled on all others. Any dtype, any shape; bytes are what travels."""
        import torch
        from torch.distributed import BroadcastOptions

        options = BroadcastOptions()
        options.rootRank = src
        whole = tensor.detach().cpu().contiguous()
        self.group.broadcast([whole.reshape(-1).view(torch.uint8)], options).wait()
        if self.group.rank() != src and whole.data_ptr() != tensor.data_ptr():
            tensor.copy_(whole)


def stateless_init_process_group(
    master_address: str, master_port: int, rank: int, world_size: int, device: Any
) -> GlooBroadcast:
    """Same signature as openrlhf.utils.distributed_util.stateless_init_process_group, which it replaces."""
    from vllm.distributed.utils import stateless_init_torch_distributed_process_group

    return GlooBroadcast(
        stateless_init_torch_distributed_process_group(master_address, master_port, rank, world_size, backend="gloo")
    )


def install() -> None:
    """Both ends look the function up in this module at call time (the actor imported it by name, hence the second line)."""
    import openrlhf.trainer.ray.ppo_actor as ppo_actor
    import openrlhf.utils.distributed_util as distributed_util

    distributed_util.stateless_init_process_group = stateless_init_process_group
    ppo_actor.stateless_init_process_group = stateless_init_process_group
