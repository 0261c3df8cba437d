"""DeepSpeed without compiling (torch's AdamW instead of the C++ optimizer, no shared-memory communication op), and ZeRO 3 right on gloo.

A build would need a C++ compiler and minutes on first use; for models of this size the torch optimizer is as fast.
"""

from typing import Any


def install() -> None:
    import sys

    import deepspeed
    import deepspeed.comm.torch

    if getattr(deepspeed.initialize, "_rlmr_cpu", False):
        return
    # `deepspeed.comm.torch` the attribute is torch itself; the module is only in sys.modules.
    sys.modules["deepspeed.comm.torch"].__dict__["build_shm_op"] = lambda: None
    build = deepspeed.initialize

    def initialize(*args: Any, **kwargs: Any) -> Any:
        config = kwargs.get("config")
        if isinstance(config, dict) and "optimizer" in config:
            config["optimizer"]["params"]["torch_adam"] = True
        return build(*args, **kwargs)

    initialize._rlmr_cpu = True  # type: ignore[attr-defined]
    deepspeed.initialize = initialize
    gather_one_by_one()


def gather_one_by_one() -> None:
    """ZeRO 3 gathers several parameters with one all-gather each and waits for the last one only (DeepSpeed 0.19.6,
    runtime/zero/partition_parameters.py, _allgather_params_coalesced: `launch_handles[-1].wait()`, then a synchronize that does nothing
    on a CPU). On a CUDA stream the last is the last to end; gloo's threads may end it first. Whoever writes into a gathered
    parameter, as from_pretrained does, then has the rest of the gathering written over it: a model that begins with memory
    nobody wrote in it, in one of five starts on a busy machine. DeepSpeed's own blocking gathering does the same in the right order."""
    from deepspeed.runtime.zero.partition_parameters import Init

    def one_by_one(self: Any, param_list: Any, hierarchy: int = 0, quantize: bool = False) -> None:
        self._allgather_params_sequential(param_list, hierarchy)

    Init._allgather_params_coalesced = one_by_one
