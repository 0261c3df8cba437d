"""Whose texts go next: prompts take turns, siblings go together, lost texts go first."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from services.writing_rm.engines.base import Engine, Outcome, Text
from services.writing_rm.prefix import SiblingCost

ALONE_AFTER = 2
"""A text that was lost this often is asked alone: if it is what breaks the engine, it takes no neighbour along again."""


@dataclass(eq=False)
class Job:
    """One distinct text on its way to a score; identical texts of any caller wait for the same job."""

    text: Text
    key: bytes
    future: asyncio.Future[Outcome]
    since: float = field(default_factory=time.perf_counter)
    waiters: int = 0
    running: bool = False
    losses: int = 0
    """Calls lost while the engine had this text."""

    @property
    def alone(self) -> bool:
        return self.losses >= ALONE_AFTER

    @property
    def scored(self) -> bool:
        return self.future.done() and isinstance(self.future.result(), float)


class Waiting:
    """Prompts take turns in the order they came; a turn is one call's worth of a prompt's texts.

    A prompt whose texts do not all fit goes to the end of the line with the rest of them: a short text of another prompt waits
    for one call of each prompt before it, however many texts they have.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._prompts: OrderedDict[Hashable, list[Job]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._prompts.values()))

    def __bool__(self) -> bool:
        return bool(self._prompts)

    def add(self, job: Job) -> None:
        self._prompts.setdefault(job.text.group, []).append(job)
        self.tokens += len(job.text.ids)

    def put_back(self, jobs: Sequence[Job]) -> None:
        """At the head of the line, in their order: they were the oldest."""
        for job in reversed(jobs):
            job.running = False
            self._prompts.setdefault(job.text.group, []).insert(0, job)
            self._prompts.move_to_end(job.text.group, last=False)
            self.tokens += len(job.text.ids)

    def remove(self, job: Job) -> None:
        siblings = self._prompts[job.text.group]
        siblings.remove(job)
        if not siblings:
            del self._prompts[job.text.group]
        self.tokens -= len(job.text.ids)

    def clear(self) -> list[Job]:
        """Takes everything out."""
        jobs = [job for siblings in self._prompts.values() for job in siblings]
        self._prompts.clear()
        self.tokens = 0
        return jobs

    def take(self, engine: Engine) -> tuple[list[Job], int]:
        """Takes out the next prompt's texts and (if the engine mixes prompts) those of the ones after it, up to
        max_batch_tokens; a longer text alone. Also what the engine will compute for them, in tokens."""
        taken: list[Job] = []
        total = 0
        for prompt in list(self._prompts):
            if taken and (taken[0].alone or not engine.mixes_prompts):
                break
            jobs, cost, fitting = self._prompts[prompt], SiblingCost(engine.share_prefixes), 0
            for job in jobs:
                apart = job.alone or (bool(taken) and taken[0].alone)
                if taken and (apart or total + cost.with_text(job.text.ids) > engine.max_batch_tokens):
                    break
                cost.add(job.text.ids)
                taken.append(job)
                fitting += 1
            total += cost.tokens
            if fitting < len(jobs):
                self._prompts[prompt] = jobs[fitting:]
                if fitting:
                    self._prompts.move_to_end(prompt)
                break
            del self._prompts[prompt]
        self.tokens -= sum(len(job.text.ids) for job in taken)
        return taken, total
