"""An OpenAI-compatible endpoint over transformers for JUDGE_MODE=yes_no: one model, one token, one call at a time, on a CPU.

    python -m benchmarks.verifier.transformers_judge "$(rlmr models get smollm2)" --port 8471 --name smollm2-135m

To measure a judge where no engine runs (`rlmr judge eval --mode yes_no`). It keeps the last prompt's keys and values, and so
computes of the next one only what follows their common beginning, as an engine's prefix cache does.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web


class OneToken:
    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self._torch = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        self._model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
        self._ids: list[int] = []
        self._cache: Any = None

    def next(self, messages: list[dict[str, str]], alternatives: int) -> tuple[list[dict[str, Any]], int, int]:
        """(likeliest next tokens with their log-probabilities, tokens of the prompt, tokens of it that were cached)."""
        torch = self._torch
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        known = next((i for i, (a, b) in enumerate(zip(ids, self._ids, strict=False)) if a != b), len(self._ids))
        known = min(known, len(ids) - 1)
        if self._cache is None or not known:
            self._cache, known = None, 0
        elif known < len(self._ids):
            self._cache.crop(known - len(self._ids))
        with torch.inference_mode():
            out = self._model(
                input_ids=torch.tensor([ids[known:]]), past_key_values=self._cache, use_cache=True, logits_to_keep=1
            )
        self._ids, self._cache = ids, out.past_key_values
        values, tokens = torch.log_softmax(out.logits[0, -1].float(), -1).topk(alternatives)
        found = [
            {"token": self._tokenizer.decode([token]), "logprob": value}
            for token, value in zip(tokens.tolist(), values.tolist(), strict=True)
        ]
        return found, len(ids), known


def application(model: OneToken, name: str) -> web.Application:
    turn = asyncio.Lock()

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("max_tokens") != 1 or not body.get("logprobs"):
            return web.json_response(
                {"error": "one token with logprobs is all that is served: JUDGE_MODE=yes_no"}, status=400
            )
        async with turn:
            top, tokens, cached = await asyncio.to_thread(model.next, body["messages"], body["top_logprobs"])
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": top[0]["token"]},
            "finish_reason": "length",
            "logprobs": {"content": [{**top[0], "top_logprobs": top}]},
        }
        usage = {
            "prompt_tokens": tokens,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return web.json_response({"choices": [choice], "usage": usage})

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name}]})

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", models)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="Folder of a checkpoint with a chat template.")
    parser.add_argument("--port", type=int, default=8471)
    parser.add_argument("--name", default="judge", help="The model's name.")
    given = parser.parse_args()
    web.run_app(application(OneToken(given.model), given.name), host="127.0.0.1", port=given.port)


if __name__ == "__main__":
    main()
