"""Attaches constraints to plain prompts: drawn from offers.py, said in the prompt's language, and possible together."""

import random
from collections.abc import Sequence

from rlmr.mistake import Mistake
from rlmr.wire import ChatMessage, Constraint
from trainer.data.feasibility import problems
from trainer.data.offers import OFFERS, Offer
from trainer.data.rows import Label, PromptRow
from trainer.data.similarity import language_of

DIFFICULTIES = {"easy": (1, 0.0, 0.4), "medium": (2, 0.3, 0.7), "hard": (3, 0.6, 1.0)}
"""Constraints a prompt, and the range that `tight` is drawn from."""
ATTEMPTS = 60
FLOOR = OFFERS[0]


class NothingFits(Mistake):
    """No combination was found that contradicts neither itself nor the prompt."""


def constrain(
    rows: Sequence[PromptRow], seed: int = 0, difficulties: Sequence[str] = tuple(DIFFICULTIES)
) -> list[PromptRow]:
    """Each row with constraints in its text and label; the same rows and seed give the same. Raises NothingFits.

    The difficulties take turns; a kind of constraint that was used often becomes less likely.
    """
    used: dict[str, int] = {}
    return [
        constrained(row, random.Random(f"{seed} {row.id}"), difficulties[i % len(difficulties)], used)
        for i, row in enumerate(rows)
    ]


def constrained(row: PromptRow, rng: random.Random, difficulty: str, used: dict[str, int] | None = None) -> PromptRow:
    """One row; `used` counts the kinds drawn so far and is brought up to date."""
    used = {} if used is None else used
    for _ in range(ATTEMPTS):
        made = attached(row, rng, difficulty, DIFFICULTIES[difficulty][1:], used)
        if made is not None:
            for constraint in (made.label.constraints or [])[len(row.label.constraints or []) :]:
                used[constraint.type] = used.get(constraint.type, 0) + 1
            return made
    count = DIFFICULTIES[difficulty][0]
    raise NothingFits(f"{row.id}: no {count} constraints were found that fit its prompt and each other")


def attached(
    row: PromptRow, rng: random.Random, difficulty: str, tight: tuple[float, float], used: dict[str, int] | None = None
) -> PromptRow | None:
    """One draw; None if its constraints contradict each other or the prompt's own. tight: the range it is drawn from."""
    language = row.language or language_of(row.text)
    offers = [offer for offer in OFFERS if offer.wordings.get(language) and row.domain not in offer.never]
    constraints, sentences = list(row.label.constraints or ()), []
    for offer in _draw(rng, offers, DIFFICULTIES[difficulty][0], used or {}):
        kwargs, extra = offer.draw(rng, rng.uniform(*tight), language)
        constraints.append(Constraint(type=offer.kind, kwargs=kwargs))
        sentences.append(rng.choice(offer.wordings[language]).format(**kwargs, **extra))
    if problems(constraints, language):
        return None
    return _with(row, constraints, sentences, language, difficulty)


def with_floor(row: PromptRow, words: int, rng: random.Random) -> PromptRow:
    """The row asked for at least so many words (Chinese characters), beside what it asks already: so that brevity pays nowhere."""
    language = row.language or language_of(row.text)
    sentence = rng.choice(FLOOR.wordings[language]).format(min=words)
    constraints = [*(row.label.constraints or ()), Constraint(type=FLOOR.kind, kwargs={"min": words})]
    return _with(row, constraints, [sentence], language, row.difficulty or "easy")


def left_to_the_judge(row: PromptRow) -> PromptRow:
    """The verifier's judge reads the constraints out of the prompt when it is asked."""
    label = row.label.model_copy(update={"constraints": None})
    return row.model_copy(update={"label": label})


def _draw(rng: random.Random, offers: Sequence[Offer], count: int, used: dict[str, int]) -> list[Offer]:
    """Different things to ask for; rarer kinds first."""
    order = sorted(offers, key=lambda offer: rng.random() * (1 + used.get(offer.kind, 0)))
    about: dict[str, Offer] = {}
    for offer in order:
        about.setdefault(offer.about, offer)
    return list(about.values())[:count]


def _with(
    row: PromptRow, constraints: list[Constraint], sentences: list[str], language: str, difficulty: str
) -> PromptRow:
    asked = ("" if language == "zh" else " ").join([row.text.rstrip(), *sentences])
    last = max(i for i, message in enumerate(row.input) if message.content == row.text)
    messages = [*row.input[:last], ChatMessage(role=row.input[last].role, content=asked), *row.input[last + 1 :]]
    label = Label(**(row.label.model_dump() | {"constraints": constraints}))
    provenance = {"constrained_from": row.text} | row.provenance
    return row.model_copy(
        update={
            "input": messages,
            "label": label,
            "language": language,
            "difficulty": difficulty,
            "provenance": provenance,
        }
    )
