"""Why a trainer ended, from logs as Ray prints them."""

import pytest

from trainer.run.diagnosis import diagnose

RAY_OOM = """
\x1b[36m(PPOTrainer pid=12)\x1b[0m step 38
ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1, ID: ab) where the task was running was 22.9GB / 24.0GB (0.95), which exceeds the memory usage
threshold of 0.95. Top 10 memory users:
PID     MEM(GB) COMMAND
117     15.02   ray::PolicyModelActor.fit
118     2.10    ray::RolloutRayActor.generate_responses
3       0.05    /usr/bin/python3 gcs_server
"""


@pytest.mark.parametrize(
    ("log", "cause", "remedy"),
    [
        (RAY_OOM, "PolicyModelActor.fit held 15.0 GB, RolloutRayActor.generate_responses held 2.1 GB", "more memory"),
        (
            "(PolicyModelActor pid=7, ip=10.0.0.2) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 37.09 GiB. GPU 0",
            "37.09 GiB",
            "micro_batch_size",
        ),
        (
            "ray.exceptions.RayTaskError(ValueError): ray::PPOTrainer.fit()\nValueError: Insufficient batch size for "
            "async_run_method_batch: total_length=1, effective_actors=2",
            "total_length=1, effective_actors=2",
            "fewer ranks",
        ),
        (
            "trainer.grpo.openrlhf_trainer.NothingKept: 64 prompts in a row left no group",
            "64 prompts in a row",
            "services",
        ),
        (
            "trainer.grpo.openrlhf_trainer.NotFinite: step 3: policy_loss is nan: the policy's weights are not numbers any more",
            "step 3: policy_loss is nan",
            "--resume",
        ),
        ("rlmr.adapters.refusals.WrongSettings: 401 the key is not accepted", "401 the key", "RLMR_API_KEY"),
        ("OSError: [Errno 28] No space left on device", "disk is full", "ckpt.max_num"),
        ("Gradient accumulation steps: 0 has to be greater than 0", "larger than a rank's share", "micro_batch_size"),
        ("AssertionError\nKeyError: 'violated'\nshutting down", "KeyError: 'violated'", "log"),
        ("nothing", "exit code 3", "how far"),
    ],
)
def test_the_cause_and_the_remedy_are_told(log: str, cause: str, remedy: str) -> None:
    found = diagnose(log, 3)
    assert cause in found.what
    assert remedy in found.remedy
    assert "\n" not in found.what + found.remedy


def test_a_killed_trainer_is_told_by_its_signal() -> None:
    assert "signal 9" in diagnose("", -9).what
