"""What cannot work is told within seconds, with the remedy, before anything is started."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rlmr.cli import app
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


class AnotherKey(BaseHTTPRequestHandler):
    """A ready aggregator that does not know the caller's key."""

    def _answer(self, status: int, body: dict[str, object]) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_GET(self) -> None:
        self._answer(200, {"ready": True, "reasons": []})

    def do_POST(self) -> None:
        self._answer(401, {"code": "unauthorized", "message": "no such key", "errors": [], "request_id": "r"})

    def log_message(self, *_: object) -> None:
        pass


def test_a_wrong_key_is_told_in_two_lines_within_seconds(tmp_path: Path, prompts: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AnotherKey)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    common = {"model": tmp_path, "prompts": prompts, "eval_prompts": "null", "services": "external", "batch": 8}
    common["reward_url"] = f"http://127.0.0.1:{server.server_port}"
    common["openrlhf.train.micro_batch_size"] = common["openrlhf.rollout.micro_batch_size"] = 8
    changes = [word for name, value in common.items() for word in ("--set", f"{name}={value}")]
    started = time.monotonic()
    try:
        told = CliRunner().invoke(app, ["train", "--runs", str(tmp_path / "runs"), *changes])
    finally:
        server.shutdown()
        server.server_close()
    assert time.monotonic() - started < 10
    assert told.exit_code == 2
    assert "set RLMR_API_KEY to the key of the services" in told.output
    assert "Traceback" not in told.output
    assert len(told.output.strip().splitlines()) <= 2


def test_an_aggregator_that_is_ready_passes() -> None:
    fake = FakeUpstream("score").start()
    try:
        check_services(fake.url)
    finally:
        fake.stop()
