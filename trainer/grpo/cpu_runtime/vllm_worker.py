"""vLLM worker extension for CPU: OpenRLHF's WorkerWrap protocol without device="cuda" and NCCL."""

from trainer.grpo.cpu_runtime import cuda_shims

cuda_shims.install()  # before openrlhf is imported in the engine's own process

from typing import Any  # noqa: E402

import openrlhf.utils.distributed_util as distributed_util  # noqa: E402
import torch  # noqa: E402
import vllm.model_executor.layers.utils as vllm_layers  # noqa: E402
from openrlhf.trainer.ray.vllm_worker_wrap import WorkerWrap  # noqa: E402

from trainer.grpo.cpu_runtime.weight_sync import stateless_init_process_group  # noqa: E402

distributed_util.stateless_init_process_group = stateless_init_process_group


def _plain_gemm(layer: Any, remove_weight: bool) -> None:
    """Keeps `layer.weight` as the matmul's operand. vLLM's prepacked copy would never see a later weight sync."""
    layer.cpu_linear = torch.nn.functional.linear


vllm_layers.dispatch_cpu_unquantized_gemm = _plain_gemm


class CpuWorkerWrap(WorkerWrap):
    """Mixed into vLLM's CPU worker by name (`worker_extension_cls`)."""

    def update_weight(self, name: str, dtype: Any, shape: Any, empty_cache: bool = False) -> None:
        expected = self.model_config.dtype
        if dtype != expected:
            raise TypeError(f"weight sync of {name}: the trainer sends {dtype}, vLLM holds {expected}")
        weight = torch.empty(shape, dtype=dtype)
        self._model_update_group.broadcast(weight, src=0)
        self.model_runner.model.load_weights(weights=[(name, weight)])
