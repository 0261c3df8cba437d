"""A writer of prompts behind an OpenAI-compatible endpoint: python -m tests.trainer.chain.writer PORT SECONDS_A_CALL"""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.trainer.data.scripted_endpoint import completion
from trainer.reward_model.random_checkpoint import invented_text


class Writer(BaseHTTPRequestHandler):
    seconds = 0.0

    def do_GET(self) -> None:
        self._send(b"ok")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
        time.sleep(self.seconds)
        rng = random.Random(asked)
        lines = [f"{i}. A story: {invented_text(rng, 10)}." for i in range(1, 5)]
        self._send(completion("\n".join(lines)))

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


if __name__ == "__main__":
    Writer.seconds = float(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Writer).serve_forever()
