"""Stand-ins for what OpenRLHF calls on torch.cuda at import and in passing. Harmless by construction: none computes anything."""

import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn


class _CpuDevice(str):
    """`cpu` wherever a device is asked for; `0` where OpenRLHF formats an index into "cuda:{...}" (a device it never uses)."""

    def __format__(self, spec: str) -> str:
        return "0"


def install() -> None:
    """Idempotent. Whether this is a CPU run is not asked here: the driver decided (trainer/grpo/runtime.py)."""
    import torch

    if getattr(torch.cuda, "_rlmr_cpu", False):
        return
    cuda: Any = torch.cuda
    for name in ("set_device", "synchronize", "empty_cache", "current_stream"):
        setattr(cuda, name, _no_op())  # one object each: torch._dynamo refuses one function under several names
    cuda.current_device = lambda: _CpuDevice("cpu")
    cuda._rlmr_cpu = True

    import torch.distributed.device_mesh as device_mesh

    cuda_mesh = device_mesh.init_device_mesh

    def init_device_mesh(device_type: str, *args: Any, **kwargs: Any) -> Any:
        return cuda_mesh("cpu" if device_type == "cuda" else device_type, *args, **kwargs)

    device_mesh.init_device_mesh = init_device_mesh
    if importlib.util.find_spec("flash_attn") is None:
        install_flash_attn_stand_in()


def _no_op() -> Callable[..., None]:
    return lambda *args, **kwargs: None


def install_flash_attn_stand_in() -> None:
    """openrlhf.models.ring_attn_utils imports four names from flash_attn at module level; packing is the only thing that calls them."""

    def unavailable(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            "flash_attn is not available on a CPU: leave ds.packing_samples and ds.ring_attn_size at their defaults"
        )

    from einops import rearrange

    names: dict[str, dict[str, Any]] = {
        "flash_attn": {},
        "flash_attn.bert_padding": {
            "rearrange": rearrange,
            "index_first_axis": unavailable,
            "pad_input": unavailable,
            "unpad_input": unavailable,
        },
        "flash_attn.utils": {},
        "flash_attn.utils.distributed": {"all_gather": unavailable},
    }
    for name, members in names.items():
        module = types.ModuleType(name)
        module.__path__ = []
        # transformers asks importlib for the spec of everything in sys.modules that it might use.
        module.__spec__ = importlib.util.spec_from_loader(name, loader=None)
        for key, value in members.items():
            setattr(module, key, value)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
