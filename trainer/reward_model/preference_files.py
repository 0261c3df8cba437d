"""Held-out preference pairs in the forms they are published in: our pair files, RewardBench 2, LitBench, WritingPreferenceBench.

What differs are names: the first field of a list below that a row has is taken. RewardBench 2 has several chosen and rejected texts a row
(best of four): each chosen one against each rejected one makes a pair, all with the row's `group`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rlmr.mistake import Mistake, read_json_lines
from rlmr.wire import Prompt
from trainer.data.similarity import language_of

PROMPT = ("prompt", "query", "input", "instruction")
CHOSEN = ("chosen", "chosen_story", "chosen_response")
REJECTED = ("rejected", "rejected_story", "rejected_response")
DOMAIN = ("domain", "subset", "genre", "category", "tag")
LANGUAGE = ("language", "lang")
TEXT = ("response", "content", "text", "story")
"""Where an answer that is an object keeps its text."""

_PROMPT: TypeAdapter[Prompt] = TypeAdapter(Prompt)


@dataclass(frozen=True)
class Held:
    """One pair to be judged."""

    prompt: Prompt
    chosen: str
    rejected: str
    domain: str
    language: str
    group: str
    """The row it is from."""
    source: str = "none given"
    """How our own pair files say the pair was made, with the kind of a corruption."""


def read_held(path: Path) -> list[Held]:
    """Raises Mistake that names file, line and field."""
    found = []
    for where, row in read_json_lines(path):
        prompt = _prompt(_field(row, PROMPT, where), where)
        chosen = _texts(_field(row, CHOSEN, where), where, "chosen")
        rejected = _texts(_field(row, REJECTED, where), where, "rejected")
        language = str(next((row[n] for n in LANGUAGE if row.get(n)), language_of(chosen[0]))).lower()[:2]
        domain = str(next((row[n] for n in DOMAIN if row.get(n)), "none given"))
        source = _source(row.get("provenance"))
        found += [Held(prompt, good, bad, domain, language, where, source) for good in chosen for bad in rejected]
    if not found:
        raise Mistake(f"{path}: no rows in the file")
    return found


def _source(provenance: Any) -> str:
    given = provenance if isinstance(provenance, dict) else {}
    return " ".join(str(given[name]) for name in ("source", "kind") if given.get(name)) or "none given"


def _field(row: dict[str, Any], names: tuple[str, ...], where: str) -> Any:
    for name in names:
        if row.get(name):
            return row[name]
    raise Mistake(f"{where}: {names[0]}: Field required (or one of {', '.join(names[1:])})")


def _prompt(value: Any, where: str) -> Prompt:
    if isinstance(value, list):  # chat messages may hold more than role and content
        value = [{k: m[k] for k in ("role", "content") if k in m} if isinstance(m, dict) else m for m in value]
    try:
        return _PROMPT.validate_python(value)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise Mistake(f"{where}: prompt: want a text or chat messages: {first['msg']}") from exc


def _texts(value: Any, where: str, field: str) -> list[str]:
    """One answer or several: texts, objects with a text, or chat messages (of which the last is the answer)."""
    if isinstance(value, list) and all(isinstance(v, dict) and "role" in v for v in value):
        value = value[-1]
    texts = []
    for item in value if isinstance(value, list) else [value]:
        text = next((item[n] for n in TEXT if isinstance(item.get(n), str)), None) if isinstance(item, dict) else item
        if not isinstance(text, str) or not text.strip():
            raise Mistake(f"{where}: {field}: want a text that is not empty")
        texts.append(text)
    return texts
