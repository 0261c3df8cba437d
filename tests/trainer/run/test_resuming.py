"""What a run's folder allows: a new run, the same run again, and nothing that destroys one by accident."""

import json
import time
from pathlib import Path

import pytest

from trainer.run.presets import Preset, PresetError, load_preset
from trainer.run.resuming import changed, checkpoint_step, open_run, rewind
from trainer.run.secrets import REDACTED, redacted, redacted_command, secret


def preset(*changes: str) -> Preset:
    return load_preset("embedded", list(changes))


def test_a_folder_that_holds_a_run_is_refused_unless_it_is_to_be_overwritten(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert open_run(run, preset()) == 0
    assert open_run(run, preset()) == 0  # nothing was made yet: it ended in the preflight
    (run / "before.json").write_text("{}")
    with pytest.raises(PresetError, match=r"--resume .*run.*--overwrite"):
        open_run(run, preset())
    (run / "policy").mkdir()
    assert open_run(run, preset(), overwrite=True) == 0
    assert not (run / "policy").exists()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(PresetError, match="--overwrite"):
        open_run(tmp_path / "notes", preset())


def test_a_changed_setting_is_refused_by_name(tmp_path: Path) -> None:
    run = tmp_path / "run"
    open_run(run, preset("openrlhf.logger.wandb.key=abc"))
    assert "abc" not in (run / "settings.json").read_text()
    with pytest.raises(PresetError) as refused:
        open_run(run, preset("lr=1e-3", "strategy.gamma=3", "openrlhf.ds.zero_stage=2"), resume=True)
    assert "lr: 0.0006 in the run, 0.001 now" in str(refused.value)
    assert "strategy.gamma: 0.1 in the run, 3 now" in str(refused.value)
    assert "openrlhf.ds.zero_stage: 0 in the run, 2 now" in str(refused.value)
    assert open_run(run, preset("openrlhf.logger.wandb.key=other"), resume=True) == 0


def test_what_cannot_be_resumed_is_told(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="holds no run"):
        open_run(tmp_path / "nothing", preset(), resume=True)
    open_run(tmp_path / "run", preset())
    (tmp_path / "run" / "summary.json").write_text("{}")
    with pytest.raises(PresetError, match="is finished"):
        open_run(tmp_path / "run", preset(), resume=True)


def test_a_secret_that_was_not_kept_is_asked_for() -> None:
    kept = redacted(preset("openrlhf.logger.wandb.key=abc").model_dump(mode="json"))
    assert "give it again with --set openrlhf.logger.wandb.key=" in changed(kept, kept)[0]


def test_the_ledger_goes_back_to_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    groups = tmp_path / "ledger" / "groups.a-1.jsonl"
    groups.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 2, 3, 3, 4)) + '{"step": 1, "to')
    steps = tmp_path / "ledger" / "steps.b-2.jsonl"
    steps.write_text('{"step": 1}\n{"st{"step": 2}\n{"step": 3}\n')
    assert rewind(tmp_path, 2) == 5
    assert [json.loads(line)["step"] for line in groups.read_text().splitlines()] == [1, 2, 2]
    assert steps.read_text() == '{"step": 1}\n{"st{"step": 2}\n'


def test_going_back_reads_the_end_of_a_ledger_only(tmp_path: Path) -> None:
    """10^5 groups of 14K tokens are 45 GB of texts. Here a GB, most of it a hole in the file that would be no row."""
    (tmp_path / "ledger").mkdir()
    path = tmp_path / "ledger" / "texts.a-1.jsonl"
    with path.open("wb") as file:
        file.seek(2**30)
        file.write(b"\n" + b"".join(json.dumps({"step": step}).encode() + b"\n" for step in (1, 2, 3, 3)))
    began = time.process_time()
    assert rewind(tmp_path, 2) == 2
    assert time.process_time() - began < 0.2
    with path.open("rb") as file:
        file.seek(2**30)
        assert file.read() == b'\n{"step": 1}\n{"step": 2}\n'


def test_rows_in_any_order_are_sifted(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    path = tmp_path / "ledger" / "held_back.a-1.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 3, 1, 2, 3, 2)) + '{"step": 1')
    assert rewind(tmp_path, 2) == 3
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 1, 2, 2]


@pytest.mark.parametrize("content", ["", '{"step": 3}\n', '{"to', '{"to\n', '{"step": 3}\n{"to'])
def test_a_ledger_of_which_nothing_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / "ledger").mkdir()
    path = tmp_path / "ledger" / "steps.a-1.jsonl"
    path.write_text(content)
    rewind(tmp_path, 2)
    assert path.read_text() in ("", '{"to\n')


def test_the_last_checkpoint_is_the_one_that_is_complete(tmp_path: Path) -> None:
    assert checkpoint_step(tmp_path) == 0
    for tag in ("global_step10", "global_step20", "global_step30"):
        (tmp_path / tag).mkdir()
    (tmp_path / "latest").write_text("global_step20")
    assert checkpoint_step(tmp_path) == 20
    (tmp_path / "global_step20").rmdir()  # died between making room and writing: step 30 is not whole
    assert checkpoint_step(tmp_path) == 10
    assert (tmp_path / "latest").read_text() == "global_step10"
    (tmp_path / "global_step10").rmdir()
    with pytest.raises(PresetError, match="--overwrite"):
        checkpoint_step(tmp_path)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("logger.wandb.key", True),
        ("api_token", True),
        ("key", True),
        ("data.label_key", False),
        ("ckpt.best_metric_key", False),
        ("max_new_tokens", False),
        ("train.max_tokens_per_gpu", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, is_one: bool) -> None:
    assert secret(name) is is_one


def test_secrets_are_left_out_of_settings_and_commands() -> None:
    assert redacted({"openrlhf": {"logger.wandb.key": "abc", "data.label_key": "label", "key": None}}) == {
        "openrlhf": {"logger.wandb.key": REDACTED, "data.label_key": "label", "key": None}
    }
    assert redacted_command(["--logger.wandb.key", "abc", "--data.label_key", "label"]) == [
        "--logger.wandb.key",
        REDACTED,
        "--data.label_key",
        "label",
    ]
