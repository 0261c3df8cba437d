"""What the order of the judge's prompt costs: five constraints on one response of 2,000 tokens, the requirement last or first.

    python -m benchmarks.verifier.judge_prefix "$(rlmr models get smollm2)"                       counted with that model's tokenizer
    python -m benchmarks.verifier.judge_prefix MODEL --url http://127.0.0.1:8000/v1 --serves NAME     and asked of a server that serves it

Counted: tokens that no earlier call began with, which is what an engine's prefix cache leaves to be computed.
"""

import argparse
import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.verifier.judge.endpoint import ChatEndpoint
from services.verifier.judge.judge import Judge
from services.verifier.judge.prompt_files import CONSTRAINT_FIRST
from services.verifier.judge.question import JudgedText
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

CONSTRAINTS = (
    "The tone is calm.",
    "The story is told by the lighthouse keeper.",
    "The ending is open.",
    "A storm is described by what it does to the house.",
    "The text uses at least one metaphor.",
)
ORDERS = {"requirement last": None, "requirement first": CONSTRAINT_FIRST}
_SENTENCE = (
    "On day {} the keeper counted {} gulls on the rail, wrote the number down and went back to his cold coffee. "
)


def judged(tokenizer: Any, tokens: int) -> JudgedText:
    """A response of about so many tokens, all its sentences different."""
    response, i = "", 0
    while len(tokenizer(response).input_ids) < tokens:
        response += "".join(_SENTENCE.format(n, n * 7 % 40) for n in range(i, i + 10))
        i += 10
    return JudgedText.of("Write a calm story about a lighthouse keeper, told by himself.", response)


def computed(prompts: list[list[int]]) -> int:
    """Tokens to be computed for the prompts one after another, with all that was computed before in the cache."""
    return len(prompts[0]) + sum(
        len(p) - max(_shared(p, earlier) for earlier in prompts[:i]) for i, p in enumerate(prompts) if i
    )


def _shared(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def prompts_of(judge: Judge, text: JudgedText, tokenizer: Any) -> list[list[int]]:
    def tokens(messages: list[dict[str, str]]) -> list[int]:
        shown = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(shown, add_special_tokens=False).input_ids)

    return [tokens(judge.messages(text, c)) for c in CONSTRAINTS]


def count(tokenizer: Any, tokens: int) -> dict[str, dict[str, int]]:
    text, found = judged(tokenizer, tokens), {}
    for name, folder in ORDERS.items():
        judge = Judge(None, VerifierSettings(judge_model="any", judge_prompts=folder))  # type: ignore[arg-type]
        prompts = prompts_of(judge, text, tokenizer)
        assert all(a != b for a, b in pairwise(prompts))
        found[name] = {"sent": sum(map(len, prompts)), "computed": computed(prompts)}
    return found


async def ask(url: str, model: str, tokenizer: Any, tokens: int) -> dict[str, dict[str, float]]:
    """One call after another, so that each finds what the one before has computed."""
    found: dict[str, dict[str, float]] = {}
    for name, folder in ORDERS.items():
        settings = VerifierSettings(
            judge_url=url, judge_model=model, judge_prompts=folder, judge_mode="yes_no", judge_language="en",
            judge_seed="omit", judge_seconds=600,
        )  # fmt: skip
        async with ChatEndpoint(settings, VerifierMetrics.create()) as endpoint:
            judge, started = Judge(endpoint, settings), time.perf_counter()
            # Another text for each order, so that the second finds nothing of the first.
            text = judged(tokenizer, tokens + 100 * len(found))
            for constraint in CONSTRAINTS:
                await judge.ask(text, constraint)
            spent = judge.usage["tokens"]["yes_no"]
            found[name] = {
                "sent": spent.get("prompt", 0),
                "cached": spent.get("cached", 0),
                "seconds": round(time.perf_counter() - started, 1),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="Folder with the model's tokenizer and chat template.")
    parser.add_argument("--tokens", type=int, default=2000, help="Of the response.")
    parser.add_argument("--url", default="", help="OpenAI-compatible endpoint to ask as well.")
    parser.add_argument("--serves", default="", help="The model's name there.")
    given = parser.parse_args()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(given.model))
    print(json.dumps(count(tokenizer, given.tokens), indent=1))
    if given.url:
        served = given.serves or str(given.model)
        print(json.dumps(asyncio.run(ask(given.url, served, tokenizer, given.tokens)), indent=1))


if __name__ == "__main__":
    main()
