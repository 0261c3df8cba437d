"""What fetches a model, run for real: huggingface_hub against a small hub, many pods on one volume."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.render import CHART
from tests.chart.hub import Hub

FETCH, WAIT, COPY = (CHART / "files" / name for name in ("fetch_model.py", "wait_for_model.py", "copy_model.sh"))
COMMIT = "c" * 40
CONTENT = {"config.json": b"{}", "weights/model.safetensors": os.urandom(300_000)}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({COMMIT: CONTENT}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetching(hub: Hub, volume: Path, pod: int, lock_seconds: str = "120") -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL": "org/model",
        "REVISION": COMMIT,
        "TARGET": str(volume / f"org--model@{COMMIT}"),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(volume / f"home-{pod}"),
        "LOCK_SECONDS": lock_seconds,
    }
    script = ["-c", FETCH.read_text()]  # as the chart runs it
    return subprocess.Popen([sys.executable, *script], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def check_content(target: Path) -> None:
    assert {n: (target / n).read_bytes() for n in CONTENT} == CONTENT
    assert (target / ".rlmr-complete").exists()


def test_many_pods_on_one_volume_download_once(hub: Hub, tmp_path: Path) -> None:
    pods = [fetching(hub, tmp_path, i) for i in range(5)]
    said = [p.communicate(timeout=120) for p in pods]
    assert [p.returncode for p in pods] == [0] * 5, said
    assert hub.fetched == {(COMMIT, name): 1 for name in CONTENT}
    check_content(tmp_path / f"org--model@{COMMIT}")
    assert sorted(p.name for p in tmp_path.glob("org--*")) == [f"org--model@{COMMIT}"]  # no lock, no part


def test_a_writer_that_died_is_followed_by_another(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / f"org--model@{COMMIT}.lock").mkdir()  # nobody renews it
    pod = fetching(hub, tmp_path, 0, lock_seconds="1")
    out, err = pod.communicate(timeout=60)
    assert pod.returncode == 0, err
    assert "taking over" in out
    check_content(tmp_path / f"org--model@{COMMIT}")


def test_a_failed_download_says_which_model_and_leaves_nothing_that_looks_complete(hub: Hub, tmp_path: Path) -> None:
    hub.shutdown()
    hub.server_close()
    pod = fetching(hub, tmp_path, 0)
    _, err = pod.communicate(timeout=120)
    assert pod.returncode == 1
    assert f"org/model@{COMMIT}" in err
    assert "Traceback" not in err
    assert not (tmp_path / f"org--model@{COMMIT}").exists()
    assert not (tmp_path / f"org--model@{COMMIT}.lock").exists()


def test_readers_wait_for_the_marker(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    reader = subprocess.Popen([sys.executable, "-c", WAIT.read_text(), str(target), "job"])
    try:
        time.sleep(1.5)
        assert reader.poll() is None
        (target / ".rlmr-complete").touch()
        assert reader.wait(timeout=10) == 0
    finally:
        reader.kill()
        reader.wait()


def test_a_copy_out_of_an_image_appears_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "image", tmp_path / "claim" / "model@1"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "file").write_text("content")
    script = COPY.read_text().replace("/model/.", f"{source}/.")
    copies = [subprocess.Popen(["sh", "-c", script.replace("$(hostname)", f"pod-{i}"), "copy", str(target)]) for i in range(4)]  # fmt: skip
    assert [c.wait(timeout=30) for c in copies] == [0] * 4
    assert (target / "deep" / "file").read_text() == "content"
    assert [p.name for p in target.parent.iterdir()] == ["model@1"]
