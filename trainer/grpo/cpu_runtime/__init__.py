"""Runs unmodified OpenRLHF on a machine without a GPU: the same commands, flags, Ray actors, DeepSpeed engine and vLLM.

Everything here replaces something that only CUDA offers; trainer/grpo/runtime.py decides whether it is installed:

    cuda_shims.py    no-op torch.cuda calls, CPU device mesh, an import stand-in for flash_attn
    deepspeed_cpu.py DeepSpeed without C++ builds
    weight_sync.py   policy -> vLLM weight broadcast over gloo instead of NCCL
    vllm_worker.py   the vLLM side of that broadcast
    environment.py   the environment variables CPU processes need

`trainer.grpo.launch` puts it together. It is for learning, tests and laptops: small models.
"""
