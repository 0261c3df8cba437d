"""What cannot work is told within seconds, with the remedy, before anything is started."""

import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.services.aggregator.upstreams import FakeUpstream
from trainer.run.pipeline import run_preset
from trainer.run.preflight import check_services
from trainer.run.presets import PresetError, load_preset

PROMPTS = '{"input": "Write.", "label": {"prompt_id": "%d", "constraints": []}}\n'


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(PROMPTS % i for i in range(10)))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["strategy.gama=1"], "strategy.gama: Extra inputs are not permitted (parameters of rlmr: "),
        (["strategy.gamma=much"], "strategy.gamma"),
        (["strategy={gamma: 1}"], "strategy needs a name"),
        ([], "10 prompts to train on are fewer than one batch of 16"),
        (["batch=8", "openrlhf.train.micro_batch_size=48"], "set openrlhf.train.micro_batch_size to one of"),
        (["batch=8", "openrlhf.algo.dynamic_filtering_range=[0, 2]"], "dynamic_filtering_range"),
        (["services=external", "reward_url=http://127.0.0.1:9"], "no aggregator at http://127.0.0.1:9"),
    ],
)
def test_mistakes_end_before_anything_starts(tmp_path: Path, prompts: Path, changes: list[str], said: str) -> None:
    common = [f"model={tmp_path}", f"prompts={prompts}", "eval_prompts=null", f"writing_rm_dir={tmp_path}"]
    preset, started = load_preset("embedded", [*common, *changes]), time.monotonic()
    with pytest.raises(PresetError) as told:
        run_preset(preset, tmp_path / "runs", Console(quiet=True))
    assert said in str(told.value)
    assert time.monotonic() - started < 10
    assert not (tmp_path / "runs").exists()


def test_an_aggregator_that_is_ready_passes() -> None:
    fake = FakeUpstream("score").start()
    try:
        check_services(fake.url)
    finally:
        fake.stop()
