"""A model hub as huggingface_hub asks it: one repository, org/model, at the commits that it is given."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """`commits`: commit -> file name -> content. `fetched` counts the downloads of each (commit, file)."""

    daemon_threads = True

    def __init__(self, commits: Mapping[str, Mapping[str, bytes]], address: str = "127.0.0.1") -> None:
        self.fetched: Counter[tuple[str, str]] = Counter()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                parts = self.path.partition("?")[0].removeprefix("/api/models").split("/")
                commit, name = next((c for c in commits if c in parts), ""), "/".join(parts[5:])
                content = commits.get(commit, {})
                if len(parts) < 5:
                    self.send_error(404)
                elif parts[3] in ("revision", "tree"):
                    files = [
                        {"rfilename": n, "path": n, "type": "file", "size": len(b), "oid": tag(b)}
                        for n, b in content.items()
                    ]
                    about = {"id": "org/model", "sha": commit, "siblings": files, "private": False, "tags": []}
                    self.say(json.dumps(files if parts[3] == "tree" else about).encode())
                elif name in content:
                    if self.command == "GET":
                        hub.fetched[commit, name] += 1
                        time.sleep(0.3)  # long enough for every other pod to come
                    self.say(content[name], {"ETag": f'"{tag(content[name])}"', "X-Repo-Commit": commit})
                else:
                    self.send_error(404)

            def say(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream" if headers else "application/json")
                self.send_header("Content-Length", str(len(body)))
                for key, value in (headers or {}).items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        super().__init__((address, 0), Handler)


def tag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
