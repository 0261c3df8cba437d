"""Preference pairs from what there is: human choices, a judge, graded corruptions of good texts, strong answers against weak ones."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json_lines
from rlmr.wire import ChatMessage
from trainer.data.corruptions import GRADES, KINDS, corrupt, pieces
from trainer.data.endpoint import Endpoint
from trainer.data.matching import length_bias, matched
from trainer.data.openings import opening
from trainer.data.rows import PairRow, parsed
from trainer.data.similarity import language_of, tokens

JUDGE = (
    "Two writers answered the same request. Judge only how well each text is written: language, coherence, life, originality. Length is no "
    "merit. Answer with one letter, A or B.\n\nRequest:\n{prompt}\n\nText A:\n{a}\n\nText B:\n{b}\n\nThe better text is"
)


@dataclass(frozen=True)
class Answer:
    """One text written for a prompt."""

    prompt: list[ChatMessage]
    text: str
    language: Any
    domain: str | None
    where: str


def read_answers(path: Path) -> list[Answer]:
    """Rows {prompt (or input), response}. Raises Mistake."""
    found = []
    for where, value in read_json_lines(path):
        row = parsed(
            where,
            {
                "prompt": value.get("prompt", value.get("input")),
                "chosen": value.get("response"),
                "rejected": "",
                "language": value.get("language"),
                "domain": value.get("domain"),
            },
            PairRow,
        )
        if not row.good.strip():
            raise Mistake(f"{where}: response: the answer is empty")
        found.append(Answer(row.prompt, row.good, row.language or language_of(row.good), row.domain, where))
    if not found:
        raise Mistake(f"{path}: no rows in the file")
    return found


def pair(better: Answer, worse: str, provenance: dict[str, Any]) -> PairRow:
    return PairRow(
        prompt=better.prompt,
        chosen=[ChatMessage(role="assistant", content=better.text)],
        rejected=[ChatMessage(role="assistant", content=worse)],
        language=better.language,
        domain=better.domain,
        provenance=provenance,
    )


def from_corruptions(answers: Sequence[Answer], a_text: int = 2, seed: int = 0) -> list[PairRow]:
    """Up to `a_text` pairs of each text; kinds and grades take turns. Foreign sentences come from texts of the same language."""
    rng, found = random.Random(seed), []
    sentences = [(answer, part) for answer in answers for part in pieces(answer.text) if len(tokens(part)) > 2]
    plans = [(kind, grade) for grade in GRADES for kind in KINDS]
    for answer in answers:
        pool = rng.sample(sentences, min(len(sentences), 200))
        others = [part for other, part in pool if other.text != answer.text and other.language == answer.language]
        made: set[str] = set()
        for kind, grade in rng.sample(plans, len(plans)):
            if len(made) == a_text:
                break
            worse = corrupt(answer.text, kind, grade, rng, others)
            if worse is not None and worse not in made:
                made.add(worse)
                found.append(
                    pair(answer, worse, {"source": "corruption", "kind": kind, "grade": grade, "from": answer.where})
                )
    return found


def openings(answers: Sequence[Answer], length: tuple[int, int], seed: int = 0) -> list[Answer]:
    """Of each text the beginning, to a sentence's end, about as long as is drawn from `length` (tokens of similarity.tokens)."""
    rng = random.Random(f"openings {seed}")
    cut = [(answer, opening(answer.text, rng.randint(*length))) for answer in answers]
    return [replace(answer, text=text) for answer, text in cut if text]


def from_strong_and_weak(strong: Sequence[Answer], weak: Sequence[Answer], longest: int | None = None) -> list[PairRow]:
    """Each strong answer against every weak one to the same prompt. Which of two is better is taken on trust: said in provenance.

    longest: of both only the beginning, to a sentence's end: about so many tokens of the weak one, and as many of the strong one.
    """
    by_prompt: dict[str, list[Answer]] = {}
    for answer in weak:
        by_prompt.setdefault(str(answer.prompt), []).append(answer)
    found = []
    for better in strong:
        for worse in by_prompt.get(str(better.prompt), []):
            good: str | None = better.text
            bad: str | None = worse.text
            if longest is not None:
                bad = opening(worse.text, longest)
                good = opening(better.text, len(tokens(bad))) if bad else None
            if good and bad and good != bad:
                provenance = {"source": "strong against weak", "from": better.where, "against": worse.where}
                found.append(pair(replace(better, text=good), bad, provenance))
    return found


def from_choices(path: Path) -> list[PairRow]:
    """Human choices: rows {prompt, a, b, choice: "a" | "b" | "tie", annotator}. Ties and prompts without a majority are left out."""
    votes: dict[tuple[str, str, str], list[str]] = {}
    first: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {}
    for where, value in read_json_lines(path):
        for name in ("prompt", "a", "b", "choice"):
            if name not in value:
                raise Mistake(f"{where}: {name}: Field required")
        if value["choice"] not in ("a", "b", "tie"):
            raise Mistake(f"{where}: choice: {value['choice']!r} is none of a, b, tie")
        key = (str(value["prompt"]), value["a"], value["b"])
        votes.setdefault(key, []).append(value["choice"])
        first.setdefault(key, (where, value))
    found = []
    for key, choices in votes.items():
        where, value = first[key]
        a, b = choices.count("a"), choices.count("b")
        if a == b:
            continue
        good, bad = (value["a"], value["b"]) if a > b else (value["b"], value["a"])
        row = {k: value.get(k) for k in ("prompt", "language", "domain")} | {"chosen": good, "rejected": bad}
        provenance = {"source": "human", "votes": f"{max(a, b)} of {len(choices)}", "from": where}
        found.append(parsed(where, row | {"provenance": provenance}, PairRow))
    return found


async def from_judge(
    answers: Sequence[Answer],
    endpoint: Endpoint,
    at_once: int = 8,
    seen: Callable[[int, int], None] = lambda a, b: None,
) -> tuple[list[PairRow], int]:
    """Neighbouring answers to one prompt, asked in both orders; a pair is kept if the judge says the same twice. Also how many it did not.

    Raises EndpointError."""
    by_prompt: dict[str, list[Answer]] = {}
    for answer in answers:
        by_prompt.setdefault(str(answer.prompt), []).append(answer)
    couples = [
        (a, b) for same in by_prompt.values() for a, b in zip(same[::2], same[1::2], strict=False) if a.text != b.text
    ]
    limit = asyncio.Semaphore(at_once)

    async def ask(a: Answer, b: Answer) -> str | None:
        asked = "\n".join(m.content for m in a.prompt)
        content = JUDGE.format(prompt=asked, a=a.text, b=b.text)
        async with limit:
            reply = await endpoint.complete([{"role": "user", "content": content}], max_tokens=4, temperature=0.0)
        letter = reply.text.strip().strip("*().:\"'")[:1].upper()
        return letter if letter in ("A", "B") else None

    verdicts = await asyncio.gather(*(ask(*couple) for a, b in couples for couple in ((a, b), (b, a))))
    found = []
    for i, (a, b) in enumerate(couples):
        there, back = verdicts[2 * i], verdicts[2 * i + 1]
        if (there, back) in (("A", "B"), ("B", "A")):
            better, worse = (a, b) if there == "A" else (b, a)
            found.append(pair(better, worse.text, {"source": "judge", "judge": endpoint.model, "from": better.where}))
    return found, len(couples) - len(found)


def length_matched(pairs: Sequence[PairRow], seed: int = 0) -> tuple[list[PairRow], dict[str, Any]]:
    """Pairs of which length does not tell the choice, and the proof: the bias before and after."""
    lengths = [(len(tokens(p.good)), len(tokens(p.bad))) for p in pairs]
    kept = matched(pairs, lengths, seed)
    after = [(len(tokens(p.good)), len(tokens(p.bad))) for p in kept]
    return kept, {"before": length_bias(lengths).as_dict(), "after": length_bias(after).as_dict()}


async def judged(answers: Sequence[Answer], url: str, model: str) -> tuple[list[PairRow], int]:
    """`from_judge` at an address."""
    async with Endpoint(url, model) as endpoint:
        return await from_judge(answers, endpoint)
