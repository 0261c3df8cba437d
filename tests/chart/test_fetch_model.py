"""What fetches a model, run for real: huggingface_hub against a small hub, many pods on one volume."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.render import CHART

FETCH, WAIT, COPY = (CHART / "files" / name for name in ("fetch_model.py", "wait_for_model.py", "copy_model.sh"))
COMMIT = "c" * 40
CONTENT = {"config.json": b"{}", "weights/model.safetensors": os.urandom(300_000)}


class Hub(ThreadingHTTPServer):
    """The calls of huggingface_hub for one repository at one commit; `fetched` counts downloads of each file."""

    def __init__(self) -> None:
        self.fetched: Counter[str] = Counter()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path.startswith("/api/models/org/model/"):
                    files = [{"rfilename": n, "type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()} for n, b in CONTENT.items()]  # fmt: skip
                    answer: object = {"id": "org/model", "sha": COMMIT, "siblings": files, "private": False, "downloads": 0, "tags": []}  # fmt: skip
                    if "/tree/" in path:
                        answer = files
                    return self.say(json.dumps(answer).encode(), "application/json")
                name = path.removeprefix(f"/org/model/resolve/{COMMIT}/")
                if name not in CONTENT:
                    return self.send_error(404)
                if self.command == "GET":
                    hub.fetched[name] += 1
                    time.sleep(0.3)  # long enough for every other pod to come
                return self.say(CONTENT[name], "application/octet-stream", hashlib.sha1(CONTENT[name]).hexdigest())

            def say(self, body: bytes, kind: str, tag: str = "") -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if tag:
                    self.send_header("ETag", f'"{tag}"')
                    self.send_header("X-Repo-Commit", COMMIT)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
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
    assert hub.fetched == dict.fromkeys(CONTENT, 1)
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
