"""Constraints that a policy keeps sometimes: drawn as constrain.py draws them, kept if its own answers to the plain prompt meet them as asked.

A group in which nobody or everybody complies teaches nothing about constraints. The answers were written without the constraint in the
prompt, so the share is an estimate; `rlmr calibrate` and a run's first evaluation measure it as it is asked.
"""

import random
from collections.abc import Sequence

from rlmr.wire import Constraint
from services.verifier.constraints import check
from trainer.data.constrain import ATTEMPTS, FLOOR, attached, with_floor
from trainer.data.pairs import Answer
from trainer.data.rows import PromptRow


def within_reach(
    rows: Sequence[PromptRow],
    answers: Sequence[Answer],
    keep: tuple[float, float],
    seed: int = 0,
    difficulties: Sequence[str] = ("easy", "medium"),
    floor: int | None = None,
) -> tuple[list[PromptRow], int]:
    """Rows of which between `keep[0]` and `keep[1]` of the answers meet all constraints, and how many rows found none.

    Floors and ceilings of one quantity are different kinds here, and the kind used least is tried first. `floor`: all prompts ask for at
    least so many words as well.
    """
    texts: dict[str, list[str]] = {}
    for answer in answers:
        texts.setdefault(answer.prompt[-1].content, []).append(answer.text)
    used: dict[str, int] = {}
    found = []
    for i, row in enumerate(rows):
        rng, own = random.Random(f"{seed} {row.id}"), texts.get(row.text, [])
        best: tuple[int, PromptRow, list[str]] | None = None
        for _ in range(ATTEMPTS if own else 0):
            asked = row if floor is None else with_floor(row, floor, rng)
            drawn = attached(asked, rng, difficulties[i % len(difficulties)], (0.0, 1.0))
            if drawn is None:
                continue
            constraints = drawn.label.constraints or []
            kinds = [_kind(constraint) for constraint in constraints[len(asked.label.constraints or []) :]]
            if floor is not None and _ANOTHER_FLOOR in kinds:
                continue
            if keep[0] <= _share(constraints, row.text, own) <= keep[1]:
                cost = max(used.get(kind, 0) for kind in kinds)
                if best is None or cost < best[0]:
                    best = (cost, drawn, kinds)
        if best is not None:
            found.append(best[1])
            for kind in best[2]:
                used[kind] = used.get(kind, 0) + 1
    return found, len(rows) - len(found)


_ANOTHER_FLOOR = f"{FLOOR.kind} min"


def _share(constraints: Sequence[Constraint], prompt: str, texts: Sequence[str]) -> float:
    kept = sum(all(check(c.type, c.kwargs, prompt, text).passed for c in constraints) for text in texts)
    return kept / len(texts)


def _kind(constraint: Constraint) -> str:
    """length:words with `min` is another kind than with `max`."""
    return " ".join([constraint.type, *sorted(name for name in constraint.kwargs if name in ("min", "max"))])
