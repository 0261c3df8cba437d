"""Where a held-back signal comes from: the story world's true quality, a second reward model, words, or what people said."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlmr.client import RlmrClient, RlmrError
from rlmr.mistake import Mistake, read_json_lines

Source = Callable[[dict[str, Any]], "Sequence[float | None] | None"]
"""From a group's row of texts (prompt_id, step, prompt, responses) to a value per response; None = it says nothing of this group."""


class SourceError(Mistake):
    """A held-back signal that cannot be had; the message says what to do."""


def source_of(text: str) -> Source:
    """`world`; the base URL of a second writing reward model; `words:STRONG.jsonl,WEAK.jsonl`, answers that a naive Bayes classifier
    learns to tell apart; or a JSONL file of {prompt_id, values: [one per response]} with an optional step: votes of people, or any
    scores made elsewhere. Raises Mistake."""
    if text == "world":
        return _world()
    if text.startswith("words:"):
        return _words(text.removeprefix("words:"))
    if text.startswith(("http://", "https://")):
        return _reward_model(text)
    return _votes(Path(text))


def _world() -> Source:
    from trainer.world.quality import world_quality

    return lambda row: [world_quality(response) for response in row["responses"]]


def _reward_model(url: str) -> Source:
    client = RlmrClient(url, retries=2, deadline=120.0)

    def score(row: dict[str, Any]) -> list[float | None]:
        group = {"id": "g", "prompt": row["prompt"], "responses": row["responses"]}
        try:
            return [result.score for result in client.score_groups([group]).groups[0].results]
        except RlmrError as exc:
            raise SourceError(f"held-back reward model at {url}: {exc}") from exc

    return score


def _words(files: str) -> Source:
    from trainer.data.pairs import read_answers
    from trainer.evaluation.texts import WordClassifier

    strong, comma, weak = files.partition(",")
    if not comma:
        raise SourceError(f"words:{files}: want words:STRONG.jsonl,WEAK.jsonl, rows of {{prompt, response}}")
    texts = [[answer.text for answer in read_answers(Path(path))] for path in (strong, weak)]
    classifier = WordClassifier(*texts)
    return lambda row: [classifier.log_odds(response) for response in row["responses"]]


def _votes(path: Path) -> Source:
    if not path.is_file():
        raise SourceError(f"{path} does not exist: give world, the URL of a reward model, or a JSONL file of votes")
    told: dict[tuple[str, int | None], list[float | None]] = {}
    for where, row in read_json_lines(path):
        try:
            told[str(row["prompt_id"]), row.get("step")] = [None if v is None else float(v) for v in row["values"]]
        except (ValueError, KeyError, TypeError) as exc:
            raise SourceError(f"{where}: want {{prompt_id, values: [a number per response], step}}: {exc}") from exc

    def values(row: dict[str, Any]) -> list[float | None] | None:
        id = str(row["prompt_id"])
        found = told.get((id, row.get("step")), told.get((id, None)))
        if found is not None and len(found) != len(row["responses"]):
            raise SourceError(f"{path}: {id} has {len(found)} values for {len(row['responses'])} responses")
        return found

    return values
