"""ZeRO 3 on gloo: a gathered parameter is whole before anyone writes into it. gloo is played by a stub here; test_killed_run.py runs it."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

from trainer.grpo.cpu_runtime import cuda_shims

cuda_shims.install()

from deepspeed.runtime.zero import partition_parameters  # noqa: E402
from deepspeed.runtime.zero.partition_parameters import Init  # noqa: E402

from trainer.grpo.cpu_runtime.deepspeed_cpu import gather_one_by_one  # noqa: E402

AS_IT_IS = Init._allgather_params_coalesced


class Late:
    """An all-gather of two equal parts, done when it is waited for and not before."""

    def __init__(self, output: torch.Tensor, part: torch.Tensor) -> None:
        self.output, self.part = output, part

    def wait(self) -> None:
        self.output.copy_(torch.cat([self.part, self.part]))


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gathers three parameters of two ranks, as Init._allgather_params_coalesced then is; gives their values."""

    def all_gather(output: torch.Tensor, part: torch.Tensor, group: Any = None, async_op: bool = False) -> Late | None:
        output.zero_()
        handle = Late(output, part)
        if async_op:
            return handle
        handle.wait()
        return None

    def parameter(value: float) -> Any:
        part = torch.full((4,), value)
        part.ds_numel = 4
        found = torch.nn.Parameter(torch.empty(0))
        found.ds_tensor, found.ds_numel, found.ds_shape = part, 8, (8,)
        return found

    def gather() -> list[list[float]]:
        init = SimpleNamespace(local_device="cpu", use_all_gather_into_tensor=True)
        init._partition_world_size = lambda param: 2
        init._partition_rank = lambda param: 0
        init.get_partition_dp_group = lambda param: None
        init._allgather_params_sequential = lambda *args: Init._allgather_params_sequential(init, *args)
        params = [parameter(value) for value in (1.0, 2.0, 3.0)]
        Init._allgather_params_coalesced(init, params)
        return [sorted(set(p.data.tolist())) for p in params]

    monkeypatch.setattr(partition_parameters.dist, "all_gather_into_tensor", all_gather)
    monkeypatch.setattr(Init, "_allgather_params_coalesced", AS_IT_IS)
    return gather


def test_every_parameter_is_there_when_gathering_returns(gathered: Any) -> None:
    gather_one_by_one()
    assert gathered() == [[1.0], [2.0], [3.0]]


def test_deepspeed_alone_waits_for_the_last_one_only(gathered: Any) -> None:
    """The day this fails DeepSpeed waits for all of them, and gather_one_by_one can go."""
    assert gathered() == [[0.0], [0.0], [3.0]]
