"""What a benchmark is to `rlmr eval`: one file, in benchmarks/ or in another package (docs/plugins.md).

It reads its own data, says what is to be judged about a response, reads each answer of the judge, and names its figures. Generating,
asking, repeating, resuming, intervals and pages are the same for all.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from rlmr.mistake import Mistake, read_json_lines

Message = dict[str, str]


class Unparseable(ValueError):
    """The judge's answer holds no verdict. It is counted as such, and is never a score."""


@dataclass(frozen=True)
class Item:
    """One prompt of a benchmark."""

    key: str
    messages: list[Message]
    """What the model is asked."""
    data: Any
    """Whatever the benchmark needs to judge a response."""


@dataclass(frozen=True)
class Question:
    """One thing to be found out about a response; `id` is unique in its item."""

    id: str
    messages: list[Message] | None = None
    """What the judge is asked; None where a program answers."""


@dataclass(frozen=True)
class Verdict:
    value: float
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A response with what is known of it: None where the judge's answer was unparseable or did not come."""

    item: Item
    verdicts: Mapping[str, Verdict | None]


@dataclass(frozen=True)
class Measure:
    """sum of numerators / sum of denominators over the units, which are what an interval resamples (items, mostly)."""

    name: str
    units: Mapping[str, tuple[float, float]]
    """Unit -> (numerator, denominator > 0)."""
    share: bool = True
    """Shown in per cent."""

    @property
    def value(self) -> float:
        return sum(n for n, _ in self.units.values()) / sum(d for _, d in self.units.values())


@dataclass(frozen=True)
class Option:
    """A setting of a benchmark of its own, given by --set NAME=VALUE."""

    help: str
    default: str = ""
    path: bool = False
    """The value is a file or folder; its content, not its place, counts in the result's identity."""
    choices: tuple[str, ...] = ()


class Benchmark(ABC):
    name: ClassVar[str]
    version: ClassVar[str]
    """Changes whenever a figure may: part of the result's identity."""
    judged: ClassVar[bool] = True
    """Whether an LLM judge is asked."""
    options: ClassVar[Mapping[str, Option]] = {}
    sampling: ClassVar[Mapping[str, Any]] = {"temperature": 0.0, "max_tokens": 2048}
    """Of the answers, where the user says nothing else."""
    judge_sampling: ClassVar[Mapping[str, Any]] = {"temperature": 0.0, "max_tokens": 2048}
    key_field: ClassVar[str] = "key"
    """What the benchmark's own files call the key of a prompt and, below, a response."""
    response_field: ClassVar[str] = "response"

    def revision(self, options: Mapping[str, str]) -> str:
        return self.version

    @abstractmethod
    def read(self, data: Path, options: Mapping[str, str]) -> list[Item]:
        """Raises rlmr.mistake.Mistake that names the file, the line and the field."""

    @abstractmethod
    def questions(self, item: Item, response: str) -> Sequence[Question]: ...

    @abstractmethod
    def verdict(self, item: Item, response: str, question: Question, reply: str | None) -> Verdict:
        """`reply`: the judge's; None for a question without messages. Pure. Raises Unparseable."""

    @abstractmethod
    def measures(self, judged: Sequence[Judged], options: Mapping[str, str]) -> list[Measure]:
        """The figures, the headline first. Verdicts that are None belong into no numerator and no denominator."""


def read_responses(path: Path, items: Sequence[Item], benchmark: Benchmark, some: bool = False) -> dict[str, str]:
    """{key, response} or {prompt, response} a line, or the benchmark's own names for these. `some`: the items are not all that the
    data has, and responses to others are left out. Raises Mistake."""
    by_prompt = {item.messages[-1]["content"]: item.key for item in items}
    known, found = {item.key for item in items}, dict[str, str]()
    for where, row in read_json_lines(path):
        name = next((n for n in ("key", benchmark.key_field, "prompt") if n in row), None)
        text = row.get("response", row.get(benchmark.response_field))
        if name is None or not isinstance(text, str):
            raise Mistake(
                f"{where}: needs `{benchmark.key_field}` (or `prompt`) and a `{benchmark.response_field}` that is text"
            )
        key = by_prompt.get(row[name]) if name == "prompt" else str(row[name])
        if some and key not in known:
            continue
        if key is None:
            raise Mistake(f"{where}: its prompt is none of the data's")
        if key not in known:
            raise Mistake(f"{where}: {name} {key} is not in the data")
        if key in found:
            raise Mistake(f"{where}: {name} {key} occurs twice")
        found[key] = text
    if not found:
        raise Mistake(f"{path}: no response to evaluate")
    return found


def whole(reply: str, finished: bool) -> str:
    """A judge's reply that ended by itself. Raises Unparseable for one that was cut off: its verdict, or what it copied out, may be too."""
    if not finished:
        raise Unparseable("cut off at max_tokens")
    return reply


def after_thinking(response: str) -> str:
    """What follows a model's last `</think>`: its answer."""
    return response.rpartition("</think>")[2].lstrip("\n")


def json_answer(reply: str) -> Any:
    """The JSON that a reply is, bare or in a fence, after any thinking. Raises Unparseable."""
    text = after_thinking(reply).strip()
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL)
    try:
        return json.loads(fenced[1] if fenced else text, strict=False)
    except (ValueError, RecursionError) as exc:
        raise Unparseable(f"not JSON: {exc}") from exc
