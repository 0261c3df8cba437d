"""`rlmr eval pairwise`: a judge compares the responses of two or more models to the same prompts, each pair in both orders."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rlmr import __version__
from rlmr.mistake import Mistake, read_json_lines
from trainer.evaluation.asking import Model, each
from trainer.evaluation.benchmark import Unparseable, after_thinking, json_answer, whole
from trainer.evaluation.evaluating import Progress
from trainer.evaluation.ranking import (
    RESAMPLES,
    Duel,
    consistency,
    first_place,
    length_controlled,
    ranking,
    resampled,
    win_rate,
)
from trainer.evaluation.run_folder import RunFolder, content_hash, identity
from trainer.evaluation.templating import filled, own_hash, read_template

FIELDS = ("prompt", "a", "b")
_GOT = {"A": 1.0, "tie": 0.5, "B": 0.0}
"""What the response shown first got."""
Pair = tuple[str, str]


@dataclass(frozen=True)
class Plan:
    data: Path
    responses: Mapping[str, Path]
    judge: Model
    prompt: str = ""
    """File of the judge's prompt; "" = our own."""
    tries: int = 1
    at_once: int = 8
    limit: int | None = None

    def settings(self) -> dict[str, Any]:
        """The result's identity."""
        return {
            "benchmark": "pairwise",
            "revision": f"1, prompts {own_hash('pairwise.txt')}",
            "rlmr": __version__,
            "data": {"file": self.data.name, "sha256": content_hash(self.data)},
            "options": {"prompt": content_hash(Path(self.prompt)) if self.prompt else ""},
            "limit": self.limit,
            "responses": {name: {"file": p.name, "sha256": content_hash(p)} for name, p in self.responses.items()},
            "judge": {**self.judge.settings(), "tries": self.tries},
        }


def evaluate(plan: Plan, out: Path, progress: Progress, command: str = "") -> tuple[dict[str, Any], int, str]:
    """(results, calls not answered, the last reason). Raises Mistake and EndpointGone; what was written stays."""
    if len(plan.responses) < 2:
        raise Mistake("--responses: two or more NAME=FILE are needed")
    template = read_template("pairwise.txt", plan.prompt, FIELDS)
    prompts = read_prompts(plan.data, plan.limit)
    texts = {name: read_texts(path, prompts) for name, path in plan.responses.items()}
    inputs = {"data": plan.data, **({"option.prompt": Path(plan.prompt)} if plan.prompt else {})}
    with RunFolder(out, plan.settings(), inputs, command) as folder:
        for name, of in texts.items():
            for key, text in of.items():
                if f"{name}/{key}" not in folder.responses:
                    folder.add_response({"key": f"{name}/{key}", "response": text})
        questions = list(all_questions(prompts, texts))
        done = sum((key, f"{a} {b}") in folder.verdicts for key, (a, b) in questions)
        with progress("verdicts", done, len(questions)) as seen:
            missing = [(k, (a, b)) for k, (a, b) in questions if (k, f"{a} {b}") not in folder.verdicts]

            async def ask() -> tuple[int, str]:
                async with plan.judge.endpoint() as endpoint:
                    folder.record({"judge": await endpoint.described()})

                    async def one(question: tuple[str, Pair]) -> None:
                        key, (a, b) = question
                        values = {"prompt": prompts[key], "a": texts[a][key], "b": texts[b][key]}
                        messages = [{"role": "user", "content": filled(template, values)}]
                        await _decide(plan, folder, key, f"{a} {b}", messages, endpoint)
                        seen()

                    return await each(missing, one, plan.at_once)

            refused, why = asyncio.run(ask()) if missing else (0, "")
        found = results(folder.settings, prompts, texts, folder.verdicts)
    return found, refused, why


async def _decide(
    plan: Plan, folder: RunFolder, key: str, question: str, messages: list[dict[str, str]], endpoint: Any
) -> None:
    tokens = 0
    for attempt in range(plan.tries):
        reply = await plan.judge.ask(endpoint, messages)
        tokens += reply.tokens
        said = {"reply": reply.text, "finished": reply.finished, "tokens": tokens, "tries": attempt + 1}
        row = {"key": key, "question": question, **said}
        try:
            got, reason = read_winner(whole(reply.text, reply.finished))
        except Unparseable as exc:
            why = str(exc)
        else:
            folder.add_verdict({**row, "value": got, "reason": reason, "details": {}})
            return
    folder.add_verdict({**row, "unparseable": why})


def read_prompts(path: Path, limit: int | None = None) -> dict[str, str]:
    """{key, prompt} a line. Raises Mistake."""
    found: dict[str, str] = {}
    for where, row in read_json_lines(path):
        if "key" not in row or not isinstance(row.get("prompt"), str):
            raise Mistake(f"{where}: needs `key` and a `prompt` that is text")
        if str(row["key"]) in found:
            raise Mistake(f"{where}: key {row['key']} occurs twice")
        found[str(row["key"])] = row["prompt"]
    if not found:
        raise Mistake(f"{path}: no rows in the file")
    return dict(list(found.items())[:limit])


def read_texts(path: Path, prompts: Mapping[str, str]) -> dict[str, str]:
    """{key, response} a line; of other keys nothing is kept. Raises Mistake."""
    found: dict[str, str] = {}
    for where, row in read_json_lines(path):
        if "key" not in row or not isinstance(row.get("response"), str):
            raise Mistake(f"{where}: needs `key` and a `response` that is text")
        if str(row["key"]) in found:
            raise Mistake(f"{where}: key {row['key']} occurs twice")
        found[str(row["key"])] = after_thinking(row["response"])
    kept = {key: text for key, text in found.items() if key in prompts}
    if not kept:
        raise Mistake(f"{path}: no response to any of the prompts")
    return kept


def all_questions(prompts: Mapping[str, str], texts: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Pair]]:
    """(prompt, (shown first, shown second)): both orders of every two models that both answered."""
    for key in prompts:
        for a, b in combinations(texts, 2):
            if key in texts[a] and key in texts[b]:
                yield key, (a, b)
                yield key, (b, a)


def read_winner(reply: str) -> tuple[float, str]:
    """(what A got, reason). Raises Unparseable."""
    found = json_answer(reply)
    if not isinstance(found, dict) or not isinstance(found.get("reason"), str):
        raise Unparseable("not an object with reason and winner")
    if found.get("winner") not in ("A", "B", "tie"):
        raise Unparseable(f"winner {found.get('winner')!r} is none of A, B, tie")
    return _GOT[found["winner"]], found["reason"]


def results(
    settings: dict[str, Any],
    prompts: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
    verdicts: Mapping[tuple[str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    """A pair's prompt counts only with a verdict in both orders. Raises Mistake where there is none."""
    asked = list(all_questions(prompts, texts))
    rows = [verdicts.get((key, f"{a} {b}")) for key, (a, b) in asked]
    duels = {pair: _duels(prompts, texts, verdicts, pair) for pair in combinations(texts, 2)}
    known = {pair: of for pair, of in duels.items() if of}
    if not known:
        raise Mistake("no pair has a verdict in both orders: there is no figure")
    return {
        "identity": identity(settings),
        "settings": settings,
        "counts": {
            "questions": len(asked),
            "judged": sum(row is not None and "value" in row for row in rows),
            "unparseable": sum(row is not None and "unparseable" in row for row in rows),
            "failed": sum(row is None for row in rows),
            "judge_tokens": sum(row["tokens"] for row in rows if row is not None),
        },
        "interval": {"level": 0.95, "method": "percentile bootstrap over prompts", "resamples": RESAMPLES},
        "pairs": [_pair(a, b, of) for (a, b), of in known.items()],
        "ranking": {name: asdict(of) for name, of in ranking(list(texts), known).items()},
    }


def _duels(
    prompts: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
    verdicts: Mapping[tuple[str, str], Mapping[str, Any]],
    pair: Pair,
) -> list[Duel]:
    a, b = pair
    found = []
    for key in prompts:
        one, other = verdicts.get((key, f"{a} {b}"), {}), verdicts.get((key, f"{b} {a}"), {})
        if "value" in one and "value" in other:
            length = math.log((len(texts[a][key]) + 1) / (len(texts[b][key]) + 1))
            found.append(Duel(key, one["value"], 1 - other["value"], length))
    return found


def _pair(a: str, b: str, duels: list[Duel]) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "prompts": len(duels),
        "won": sum(d.score > 0.5 for d in duels),
        "tied": sum(d.score == 0.5 for d in duels),
        "lost": sum(d.score < 0.5 for d in duels),
        "win_rate": asdict(resampled(duels, win_rate)),
        "length_controlled": asdict(resampled(duels, length_controlled)),
        "first_place": _none_for_nan(asdict(resampled(duels, first_place))),
        "consistency": asdict(resampled(duels, consistency)),
    }


def _none_for_nan(of: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None or math.isnan(value) else value for name, value in of.items()}
