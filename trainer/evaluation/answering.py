"""Where the responses come from: an endpoint, a model in this process, or a file. Each is written down as soon as it is there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trainer.evaluation.asking import Model, each
from trainer.evaluation.benchmark import Benchmark, Item, read_responses
from trainer.evaluation.run_folder import RunFolder, content_hash

Seen = Callable[[], None]
"""Called after each row."""
IN_PROCESS_BATCH = 16


class Source(Protocol):
    def settings(self) -> dict[str, Any]:
        """Its part of the result's identity."""

    async def fill(self, folder: RunFolder, items: Sequence[Item], seen: Seen) -> tuple[int, str]:
        """Responses to those of the items that have none; (how many the source refused, the last reason)."""


@dataclass(frozen=True)
class FromFile:
    path: Path
    benchmark: Benchmark
    some: bool = False
    """Whether only some of the data's prompts are evaluated."""

    def settings(self) -> dict[str, Any]:
        return {"from": "file", "file": self.path.name, "sha256": content_hash(self.path)}

    async def fill(self, folder: RunFolder, items: Sequence[Item], seen: Seen) -> tuple[int, str]:
        found = read_responses(self.path, items, self.benchmark, self.some)
        for item in items:
            if item.key in found and item.key not in folder.responses:
                folder.add_response({"key": item.key, "response": found[item.key]})
            seen()
        return 0, ""


@dataclass(frozen=True)
class FromEndpoint:
    model: Model
    at_once: int

    def settings(self) -> dict[str, Any]:
        return {"from": "endpoint", **self.model.settings()}

    async def fill(self, folder: RunFolder, items: Sequence[Item], seen: Seen) -> tuple[int, str]:
        missing = _missing(folder, items)
        if not missing:
            return 0, ""
        async with self.model.endpoint() as endpoint:
            folder.record({"answers": await endpoint.described()})

            async def answer(item: Item) -> None:
                reply = await self.model.ask(endpoint, item.messages)
                folder.add_response(
                    {"key": item.key, "response": reply.text, "finished": reply.finished, "tokens": reply.tokens}
                )
                seen()

            return await each(missing, answer, self.at_once)


@dataclass(frozen=True)
class InProcess:
    """A checkpoint's folder, by transformers. A continued run at a temperature above 0 draws its rest anew."""

    folder: Path
    sampling: Mapping[str, Any]
    """temperature, max_tokens and seed; others have no meaning here."""

    def settings(self) -> dict[str, Any]:
        return {"from": "folder", "sha256": content_hash(self.folder), "sampling": dict(self.sampling)}

    async def fill(self, folder: RunFolder, items: Sequence[Item], seen: Seen) -> tuple[int, str]:
        from trainer.evaluation.sample import stream

        todo = _missing(folder, items)
        if not todo:
            return 0, ""
        batches = stream(
            str(self.folder),
            [item.messages for item in todo],
            1,
            float(self.sampling["temperature"]),
            int(self.sampling["max_tokens"]),
            int(self.sampling.get("seed", 0)),
            batch=IN_PROCESS_BATCH,
        )
        rest = iter(todo)
        for batch in batches:
            for sampled in batch:
                how = {"finished": sampled.finished[0], "tokens": sampled.tokens[0]}
                folder.add_response({"key": next(rest).key, "response": sampled.responses[0], **how})
                seen()
        return 0, ""


def _missing(folder: RunFolder, items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.key not in folder.responses]
