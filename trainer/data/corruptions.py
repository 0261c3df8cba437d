"""Worse copies of a good text, in grades, and of nearly its length: what a reward model has to see must be in the words.

A grade is the share of sentences that are harmed. Nothing is cut off or added: a cut text would teach that longer is better.
"""

import random
import re
from collections.abc import Callable, Sequence
from itertools import cycle, islice

from trainer.data.similarity import language_of

GRADES = {"slight": 0.2, "clear": 0.5, "heavy": 1.0}
Harm = Callable[[random.Random, list[str], list[int], Sequence[str]], None]
"""(rng, sentences to change in place, numbers of those to harm, sentences of other texts)."""


def corrupt(text: str, kind: str, grade: str, rng: random.Random, others: Sequence[str] = ()) -> str | None:
    """The harmed text; None where this text gives no room for it (one sentence has no order). others: sentences of other texts."""
    parts = pieces(text)
    sentences = [part for part in parts if part.strip()]
    if len(sentences) < 2 and kind in ("order", "repetition", "padding"):
        return None
    count = max(2 if kind == "order" else 1, round(GRADES[grade] * len(sentences)))
    where = sorted(rng.sample(range(len(sentences)), min(count, len(sentences))))
    harmed = list(sentences)
    KINDS[kind](rng, harmed, where, others)
    queue = iter(harmed)
    made = "".join(next(queue) if part.strip() else part for part in parts)
    return made if made != text else None


_BETWEEN = re.compile(
    r"((?<=[。！？][”」』])|(?<=[。！？])(?![。！？”」』])|(?<=[.!?][\"”’)])\s+|(?<=[.!?])\s+|\s*\n\s*)"
)
"""Where one sentence of English or Chinese ends and the next begins. Rough (`Mr. Fox` is cut), which does no harm here."""


def pieces(text: str) -> list[str]:
    """Sentences and what stands between them; joined, they are the text."""
    return [piece for piece in _BETWEEN.split(text) if piece]


def _order(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    moved = where[1:] + where[:1] if len(where) == 2 else rng.sample(where, len(where))
    taken = [sentences[i] for i in moved]
    for i, sentence in zip(where, taken, strict=True):
        sentences[i] = sentence


def _repetition(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """A sentence gives way to another one of the text, the one nearest in length."""
    original = list(sentences)
    for i in where:
        sentences[i] = min(original[:i] + original[i + 1 :], key=lambda s: abs(len(s) - len(original[i])))


def _padding(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """The text ends early and fills up with sentences that it has said, in their order: those nearest in length to what they replace."""
    kept = sentences[: max(1, len(sentences) - len(where))]
    wanted = len("".join(sentences[len(kept) :]))

    def again(start: int) -> list[str]:
        return [kept[(start + i) % len(kept)] for i in range(len(sentences) - len(kept))]

    sentences[len(kept) :] = min(map(again, range(len(kept))), key=lambda said: abs(len("".join(said)) - wanted))


_ENDS = '.,;:!?"”’)。！？」』'


def _loop(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """A sentence says its first half (a third of a long one) again and again until it is as long as it was."""
    for i in where:
        chinese = language_of(sentences[i]) == "zh"
        body = sentences[i].rstrip(_ENDS)
        words = list(body) if chinese else body.split(" ")
        first = words[: len(words) // (3 if len(words) > 12 else 2)]
        if not first:
            continue
        again = cycle([first[0][:1].lower() + first[0][1:], *first[1:]])
        said = [*first, *islice(again, len(words) - len(first))]
        sentences[i] = ("" if chinese else " ").join(said) + sentences[i][len(body) :]


def _foreign(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """A sentence gives way to one of another text, of about its length."""
    for i in where:
        nearest = sorted(others, key=lambda s: abs(len(s) - len(sentences[i])))[:3]
        if nearest:
            sentences[i] = rng.choice(nearest)


def _words(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """Words (characters of Chinese) of a sentence change places."""
    for i in where:
        chinese = language_of(sentences[i]) == "zh"
        words = list(sentences[i]) if chinese else sentences[i].split(" ")
        inner = words[:-1]
        rng.shuffle(inner)
        sentences[i] = ("" if chinese else " ").join([*inner, words[-1]])


def _exchange(rng: random.Random, sentences: list[str], where: list[int], others: Sequence[str]) -> None:
    """One word in five changes place with one of another sentence: grammar stays near, sense goes."""
    split = [list(s) if language_of(s) == "zh" else s.split(" ") for s in sentences]
    glue = ["" if language_of(s) == "zh" else " " for s in sentences]
    places = [(i, j) for i in where for j in range(len(split[i]) - 1)]
    rng.shuffle(places)
    for (a, b), (c, d) in zip(places[: len(places) // 5 + 1], reversed(places), strict=False):
        split[a][b], split[c][d] = split[c][d], split[a][b]
    sentences[:] = [g.join(words) for g, words in zip(glue, split, strict=True)]


KINDS: dict[str, Harm] = {
    "order": _order,
    "repetition": _repetition,
    "padding": _padding,
    "loop": _loop,
    "foreign": _foreign,
    "words": _words,
    "exchange": _exchange,
}
