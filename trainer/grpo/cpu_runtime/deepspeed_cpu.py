"""DeepSpeed without compiling: torch's AdamW instead of the C++ optimizer, and no shared-memory communication op.

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
