"""An engine container without a GPU: sglang's calls (see tests/chart/sglang-contract.yaml) on the real model, in the image that is
there anyway. Run as `python3 -c <this file> MODEL PORT` by values that set engine.command.
"""

import sys
from pathlib import Path

from aiohttp import web

from services.writing_rm.engines.base import Text
from services.writing_rm.engines.torch_engine import TorchModel

model = TorchModel.load(Path(sys.argv[1]), dtype="float32", device="cpu", max_batch_tokens=4096)


async def classify(request: web.Request) -> web.Response:
    texts = (await request.json())["input_ids"]
    raws = model.score([Text(tuple(ids), number) for number, ids in enumerate(texts)])
    return web.json_response([{"embedding": [raw], "meta_info": {"finish_reason": None}} for raw in raws])


async def server_info(request: web.Request) -> web.Response:
    limits = {"max_req_input_len": 2048, "max_total_num_tokens": 4096}
    return web.json_response(
        {"version": "stand-in", "dtype": "float32", "device": "cpu", "is_embedding": True, **limits}
    )


async def alive(request: web.Request) -> web.Response:
    return web.Response()


app = web.Application()
app.router.add_post("/classify", classify)
app.router.add_get("/server_info", server_info)
for path in ("/ready", "/health"):
    app.router.add_get(path, alive)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
