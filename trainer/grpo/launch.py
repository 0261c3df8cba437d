"""Runs an unmodified OpenRLHF command: `python -m trainer.grpo.launch openrlhf.cli.train_ppo_ray <flags>`.

With a GPU it adds one thing, the recorder (recorder.py), which watches and never changes. Without one it also installs the CPU
runtime (cpu_runtime/) and tells Ray to hand out pretend GPUs.
"""

import os
import runpy
import socket
import sys

from trainer.grpo.cpu_runtime import environment

# OpenRLHF passes only three variables to its workers by itself; these prefixes are what our agent, recorder and runtime read.
FORWARDED = ("PYTHONPATH", "RLMR_", "HF_", "VLLM_", "DS_", "OMP_", "TORCH_", "TOKENIZERS_", "NCCL_", "RAY_ACCEL_")


def has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def install_in_worker() -> None:
    """Ray's worker_process_setup_hook: runs in every worker before OpenRLHF's code."""
    if not has_cuda():
        from trainer.grpo.cpu_runtime import cuda_shims, deepspeed_cpu

        cuda_shims.install()
        deepspeed_cpu.install()

        from trainer.grpo.cpu_runtime import weight_sync

        weight_sync.install()
        _use_cpu_engine()
    from trainer.grpo import recorder

    recorder.install()


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


def _init_ray(cpu: bool) -> None:
    import ray

    env_vars = {k: v for k, v in os.environ.items() if k.startswith(FORWARDED)}
    env_vars.setdefault("TOKENIZERS_PARALLELISM", "true")
    env_vars.setdefault("NCCL_DEBUG", "WARN")
    env_vars.setdefault("RAY_ENABLE_ZERO_COPY_TORCH_TENSORS", "1")
    runtime_env = {"env_vars": env_vars, "worker_process_setup_hook": "trainer.grpo.launch.install_in_worker"}
    if cpu:
        # Placement groups ask for a GPU per model; on a CPU they are tokens. 512 MiB hold every rollout of a small model.
        ray.init(
            address="local",
            num_cpus=8,
            num_gpus=8,
            include_dashboard=False,
            object_store_memory=512 * 2**20,
            runtime_env=runtime_env,
        )
    else:
        ray.init(runtime_env=runtime_env)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m trainer.grpo.launch openrlhf.cli.<command> [flags]")
    module = sys.argv[1]
    cpu = not has_cuda()
    if cpu:
        environment.apply(os.environ)
        from trainer.grpo.cpu_runtime import cuda_shims, deepspeed_cpu

        cuda_shims.install()
        deepspeed_cpu.install()
    if module.endswith(".train_ppo_ray"):
        _init_ray(cpu)
    elif cpu:
        for name, value in {**environment.SINGLE_PROCESS, "MASTER_PORT": str(_free_port())}.items():
            os.environ.setdefault(name, value)
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
