"""Environment variables of a CPU run. Set before ray, vllm or deepspeed are imported; a value already set wins."""

from collections.abc import MutableMapping

VARIABLES = {
    "DS_ACCELERATOR": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    # Ray hides accelerators from actors with zero GPUs by setting variables that vLLM's CPU build stumbles over.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

# One process, no launcher: what torch.distributed wants to know of the world (train_rm; Ray actors set their own).
SINGLE_PROCESS = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}


def apply(environ: MutableMapping[str, str]) -> None:
    for name, value in VARIABLES.items():
        environ.setdefault(name, value)
