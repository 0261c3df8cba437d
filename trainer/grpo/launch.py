"""Runs an unmodified OpenRLHF command: `python -m trainer.grpo.launch openrlhf.cli.train_ppo_ray <flags>`.

For train_ppo_ray it puts our trainer in the place of OpenRLHF's (openrlhf_trainer.py). Without a GPU (runtime.py decides) it also
installs the CPU runtime (cpu_runtime/) and tells Ray to hand out pretend GPUs.
"""

import os
import runpy
import socket
import sys

from trainer.grpo import runtime
from trainer.grpo.cpu_runtime import environment


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m trainer.grpo.launch openrlhf.cli.<command> [flags]")
    module = sys.argv[1]
    with_ray = module.endswith(".train_ppo_ray")
    chosen = runtime.choose_here(with_ray=with_ray)
    if chosen == "cpu":
        environment.apply(os.environ)
        from trainer.grpo.cpu_runtime import cuda_shims, deepspeed_cpu

        cuda_shims.install()
        deepspeed_cpu.install()
    if with_ray:
        runtime.init_ray(chosen)
        from trainer.grpo import openrlhf_trainer

        openrlhf_trainer.install()
    elif chosen == "cpu":
        for name, value in {**environment.SINGLE_PROCESS, "MASTER_PORT": str(_free_port())}.items():
            os.environ.setdefault(name, value)
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
