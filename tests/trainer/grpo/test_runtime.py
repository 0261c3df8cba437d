"""GPU or CPU is decided once, by the driver; no worker asks CUDA anything before Ray has chosen its GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.grpo import runtime
from trainer.grpo.runtime import choose, runtime_env


@pytest.mark.parametrize(
    ("asked", "cluster_gpus", "local_gpus", "chosen"),
    [
        (None, 64.0, 0, "gpu"),  # the driver stands on a head node without a GPU
        (None, 0.0, 1, "cpu"),  # the driver's own GPU is none of the cluster's
        (None, None, 0, "cpu"),
        (None, None, 8, "gpu"),
        ("cpu", 64.0, 8, "cpu"),
        ("gpu", None, 0, "gpu"),
    ],
)
def test_the_cpu_runtime_is_for_who_asks_or_has_no_gpu_anywhere(
    asked: str | None, cluster_gpus: float | None, local_gpus: int, chosen: str
) -> None:
    assert choose(asked, cluster_gpus, local_gpus) == chosen


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="RLMR_RUNTIME is 'cuda': set it to cpu or gpu"):
        choose("cuda", None, 0)


def test_on_gpus_nothing_of_ours_runs_before_openrlhf() -> None:
    assert set(runtime_env("gpu", {"RLMR_STRATEGY": "{}", "HOME": "/root"})) == {"env_vars"}
    on_cpu = runtime_env("cpu", {"RLMR_STRATEGY": "{}", "HOME": "/root"})
    assert on_cpu["env_vars"]["RLMR_RUNTIME"] == "cpu"
    assert on_cpu["env_vars"]["RLMR_STRATEGY"] == "{}"
    assert "HOME" not in on_cpu["env_vars"]


WATCHED = """
import json, sys
import torch

asked = []
for name in ("is_available", "device_count", "current_device", "set_device", "init", "_lazy_init", "get_device_properties"):
    def call(*args, name=name, **kwargs):
        frame = sys._getframe(1)
        while frame is not None:  # vLLM and DeepSpeed may ask for themselves, in processes that are told to have no GPU
            if frame.f_code.co_filename.startswith(OURS):
                asked.append(name)
                break
            if "/site-packages/" in frame.f_code.co_filename:
                break
            frame = frame.f_back
        return False
    setattr(torch.cuda, name, call)
from trainer.grpo import runtime
runtime.install_cpu_runtime()
print(json.dumps(asked))
"""


def test_the_set_up_hook_asks_cuda_nothing() -> None:
    pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")
    ours = str(Path(runtime.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"OURS = {ours!r}\n{WATCHED}"],
        capture_output=True,
        text=True,
        env={**os.environ, "DS_ACCELERATOR": "cpu"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


IN_A_JOB = """
import json, os
import ray
from trainer.grpo import runtime

runtime.runtime_env = lambda *_: {"env_vars": {"HF_HOME": os.environ["HF_HOME"], "RLMR_RUNTIME": "cpu"}}
runtime.init_ray("cpu")
@ray.remote
def seen():
    return {name: os.environ.get(name) for name in ("HF_HOME", "ONLY_THE_JOB", "RLMR_RUNTIME")}
print(json.dumps(ray.get(seen.remote())))
"""


def test_a_job_that_sets_a_variable_that_we_forward_too_is_no_conflict() -> None:
    pytest.importorskip("ray")
    job = {"runtime_env": {"env_vars": {"HF_HOME": "/shared/hf", "ONLY_THE_JOB": "1"}}}
    env = {**os.environ, "HF_HOME": "/shared/hf", "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(job)}
    env.pop("RAY_ADDRESS", None)
    done = subprocess.run([sys.executable, "-c", IN_A_JOB], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "HF_HOME": "/shared/hf",
        "ONLY_THE_JOB": "1",
        "RLMR_RUNTIME": "cpu",
    }
