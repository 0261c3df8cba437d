"""Whether a step's samples can be shared out evenly among the policy's ranks, and what else OpenRLHF cannot do with these flags:
checked before anything starts.

OpenRLHF finds out after every model is loaded, or not at all: ranks with unequal shares wait for each other for ever, and
`train.batch_size // micro_batch_size // ranks` of 0 is DeepSpeed's "Gradient accumulation steps: 0".
"""

from typing import Any


def ranks(flags: dict[str, Any]) -> int:
    """Data-parallel ranks of the policy."""
    gpus = int(flags.get("actor.num_nodes", 1)) * int(flags.get("actor.num_gpus_per_node", 8))
    return gpus // int(flags.get("ds.ring_attn_size", 1)) // int(flags.get("ds.tensor_parallel_size", 1))


def problems(flags: dict[str, Any]) -> list[str]:
    """What does not fit, each with the remedy; flags: OpenRLHF's, names without dashes, its defaults where they are left out."""
    if flags.get("train.async_enable"):
        return [
            "train.async_enable: exact steps, resuming and the ledger follow OpenRLHF's synchronous trainer; leave it out"
        ]
    if int(flags.get("ds.lora.rank", 0)):
        # trainer/ray/ppo_actor.py, broadcast_to_vllm: named_parameters() of a PeftModel are base_model.model....base_layer.weight.
        return [
            "ds.lora.rank: OpenRLHF 0.11.2 sends a LoRA policy's weights to vLLM under names that vLLM does not know; train all "
            "weights, with ds.adam_offload where memory is short"
        ]
    samples = int(flags["rollout.batch_size"]) * int(flags["rollout.n_samples_per_prompt"])
    update, actors = int(flags["train.batch_size"]), ranks(flags)
    if actors < 1:
        return ["actor.num_nodes x actor.num_gpus_per_node is less than ds.ring_attn_size x ds.tensor_parallel_size"]
    if flags.get("train.dynamic_batch_enable"):
        return (
            []
            if samples >= actors
            else [f"{samples} samples a step (batch x n) are fewer than {actors} ranks: use fewer ranks"]
        )
    found = []
    rollout, train = int(flags.get("rollout.micro_batch_size", 1)), int(flags.get("train.micro_batch_size", 1))
    if samples % (rollout * actors):
        found.append(
            f"openrlhf.rollout.micro_batch_size {rollout} x {actors} ranks does not divide the {samples} samples of a step (batch x n): "
            f"{_fitting(samples, actors, 'rollout.micro_batch_size')}"
        )
    if update % (train * actors):
        found.append(
            f"openrlhf.train.micro_batch_size {train} x {actors} ranks does not divide the {update} samples of an update "
            f"(batch x n / updates): {_fitting(update, actors, 'train.micro_batch_size')}"
        )
    return found


def _fitting(samples: int, actors: int, name: str) -> str:
    share, left = divmod(samples, actors)
    if left or not share:
        return f"no size fits {samples} samples on {actors} ranks; change batch, n, updates or the number of ranks"
    sizes = [size for size in range(1, share + 1) if share % size == 0]
    return f"set openrlhf.{name} to one of {', '.join(map(str, sizes[-6:]))}"
