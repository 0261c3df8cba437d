"""GPU or CPU: decided once, by the driver, before Ray starts anything; `RLMR_RUNTIME` tells every other process.

On GPUs no code of ours runs in a worker before OpenRLHF's: whoever asks CUDA anything before Ray has set CUDA_VISIBLE_DEVICES binds
the process to GPU 0, and Ray's set-up hook runs before that (ray 2.55, _private/workers/default_worker.py).
"""

import os
from collections.abc import Mapping
from typing import Any, Literal

Runtime = Literal["cpu", "gpu"]
CHOICE = "RLMR_RUNTIME"

# OpenRLHF passes only three variables to its workers by itself; these prefixes are what our agent, trainer and runtime read.
FORWARDED = ("PYTHONPATH", "RLMR_", "HF_", "VLLM_", "DS_", "OMP_", "TORCH_", "TOKENIZERS_", "NCCL_", "RAY_ACCEL_")


def choose(asked: str | None, cluster_gpus: float | None, local_gpus: int) -> Runtime:
    """The CPU runtime only if it is asked for, or if there is no GPU anywhere.

    asked: RLMR_RUNTIME, if set. cluster_gpus: GPUs of the whole Ray cluster, null without one; the driver often runs on a head node
    that has none itself. local_gpus: of this machine, which counts only without a cluster. Raises ValueError for another word."""
    if asked:
        if asked not in ("cpu", "gpu"):
            raise ValueError(f"{CHOICE} is {asked!r}: set it to cpu or gpu, or leave it out")
        return "cpu" if asked == "cpu" else "gpu"
    return "gpu" if (local_gpus if cluster_gpus is None else cluster_gpus) > 0 else "cpu"


def choose_here(*, with_ray: bool) -> Runtime:
    """`choose` with what this process can see. with_ray: whether the command runs on the Ray cluster, if there is one."""
    import torch

    asked = os.environ.get(CHOICE)
    cluster = cluster_gpus() if with_ray and not asked else None
    return choose(asked, cluster, torch.cuda.device_count() if torch.cuda.is_available() else 0)


def cluster_gpus() -> float | None:
    """GPUs of the cluster that ray.init() would connect to; null if it would start one of its own."""
    import ray
    from ray._private.utils import read_ray_address

    if os.environ.get("RAY_ADDRESS", "local") == "local" and read_ray_address() is None:
        return None
    ray.init(log_to_driver=False)
    try:
        return float(ray.cluster_resources().get("GPU", 0))
    finally:
        ray.shutdown()


def runtime_env(runtime: Runtime, environ: Mapping[str, str]) -> dict[str, Any]:
    """What ray.init gives to every worker."""
    env_vars = {k: v for k, v in environ.items() if k.startswith(FORWARDED)}
    env_vars.setdefault("TOKENIZERS_PARALLELISM", "true")
    env_vars.setdefault("NCCL_DEBUG", "WARN")
    env_vars.setdefault("RAY_ENABLE_ZERO_COPY_TORCH_TENSORS", "1")
    env_vars[CHOICE] = runtime
    if runtime == "gpu":
        return {"env_vars": env_vars}
    return {"env_vars": env_vars, "worker_process_setup_hook": "trainer.grpo.runtime.install_cpu_runtime"}


def init_ray(runtime: Runtime) -> None:
    import ray

    # `ray job submit --runtime-env-json` may set variables that we forward too. Ray refuses that unless it is told to merge; the
    # values are the same, for the driver's own environment comes from there.
    os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")
    env = runtime_env(runtime, os.environ)
    if runtime == "gpu":
        ray.init(runtime_env=env)
        needed, there = float(os.environ.get("RLMR_GPUS", "0")), float(ray.cluster_resources().get("GPU", 0))
        if there < needed:  # OpenRLHF would wait for them for ever
            raise SystemExit(f"TooFewGpus: the run needs {needed:.0f} GPUs, the cluster has {there:.0f}")
    else:
        # Placement groups ask for a GPU per model; on a CPU they are tokens. 512 MiB hold every rollout of a small model.
        ray.init(
            address="local",
            num_cpus=8,
            num_gpus=8,
            include_dashboard=False,
            object_store_memory=512 * 2**20,
            runtime_env=env,
        )


def install_cpu_runtime() -> None:
    """Ray's worker_process_setup_hook on a CPU: runs in every worker before OpenRLHF's code."""
    from trainer.grpo.cpu_runtime import cuda_shims, deepspeed_cpu

    cuda_shims.install()
    deepspeed_cpu.install()

    from trainer.grpo.cpu_runtime import weight_sync

    weight_sync.install()
    _use_cpu_engine()


# vLLM on a CPU puts its only worker into a process of its own, and both sides of the queue between them spin for a second before they
# sleep: a whole core, also while the policy trains. OMP threads, its reason for that, are set by our environment. The name in full,
# because vLLM turns "uni" back into "mp" on a CPU (vllm/platforms/cpu.py).
IN_ONE_PROCESS = "vllm.v1.executor.uniproc_executor.UniProcExecutor"


def _use_cpu_engine() -> None:
    import vllm

    engine_args = vllm.AsyncEngineArgs
    if getattr(engine_args, "_rlmr_cpu", False):
        return

    def with_cpu_worker(*args: object, **kwargs: object) -> object:
        kwargs["worker_extension_cls"] = "trainer.grpo.cpu_runtime.vllm_worker.CpuWorkerWrap"
        if kwargs.get("tensor_parallel_size", 1) == 1:
            kwargs["distributed_executor_backend"] = IN_ONE_PROCESS
        return engine_args(*args, **kwargs)

    with_cpu_worker._rlmr_cpu = True  # type: ignore[attr-defined]
    vllm.AsyncEngineArgs = with_cpu_worker
