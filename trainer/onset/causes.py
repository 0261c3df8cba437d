"""What changed in the texts between the best window and the alarm: the likely way in which the reward was won."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.study.measures import commonest_phrase, ngrams, words

OPENER = 4
"""Words."""


@dataclass(slots=True)
class Texts:
    """Of one window."""

    responses: list[str] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    """Per response, its failed constraints, `type: reason` each."""


def likely_cause(before: Texts, after: Texts) -> str:
    """One line, from the largest of five changes; each is told in its own unit, and compared as a multiple of what counts as one."""
    texts = before.responses, after.responses
    found = [_length(*texts), _repetition(*texts), _phrase(*texts), _opener(*texts), _constraint(before, after)]
    size, told = max(found)
    return told if size >= 1 else "none of length, repetition, one phrase, one opener or one constraint changed much"


def _length(before: Sequence[str], after: Sequence[str]) -> tuple[float, str]:
    """Counts as one: a fifth longer or shorter."""
    old, new = (float(np.mean([len(words(t)) for t in texts])) for texts in (before, after))
    change = abs(np.log(max(new, 0.5) / max(old, 0.5))) / np.log(1.2)
    return float(change), f"length: {old:.0f} words then, {new:.0f} at the alarm"


def _repetition(before: Sequence[str], after: Sequence[str]) -> tuple[float, str]:
    """Word pairs that a text says again. Counts as one: five points."""
    old, new = _said_again(before), _said_again(after)
    return (new - old) / 0.05, f"repetition: {old:.0%} of a text's word pairs were said before in it, now {new:.0%}"


def _said_again(texts: Iterable[str]) -> float:
    shares = [1 - len(set(pairs)) / len(pairs) for text in texts if (pairs := ngrams(text, 2))]
    return float(np.mean(shares)) if shares else 0.0


def _phrase(before: Sequence[str], after: Sequence[str]) -> tuple[float, str]:
    """Counts as one: a fifth of the texts more."""
    phrase, new = commonest_phrase(after)
    old = sum(tuple(phrase.split()) in set(ngrams(t, 3)) for t in before) / max(1, len(before))
    return (new - old) / 0.2, f'one phrase: "{phrase}" in {old:.0%} of the texts then, in {new:.0%} at the alarm'


def _opener(before: Sequence[str], after: Sequence[str]) -> tuple[float, str]:
    """Counts as one: a seventh of the texts more, for fewer texts begin alike than share a phrase."""
    openers = Counter(" ".join(words(text)[:OPENER]) for text in after if text.strip())
    if not openers:
        return 0.0, ""
    opener, count = openers.most_common(1)[0]
    new = count / len(after)
    old = sum(" ".join(words(text)[:OPENER]) == opener for text in before) / max(1, len(before))
    return (new - old) / 0.15, f'an opener: {old:.0%} of the texts began with "{opener}" then, {new:.0%} at the alarm'


def _constraint(before: Texts, after: Texts) -> tuple[float, str]:
    """The kind whose violations grew most. Counts as one: five points of all texts."""
    then, now = (
        Counter(kind for lines in t.failed for kind in {line.partition(": ")[0] for line in lines})
        for t in (before, after)
    )
    if not now:
        return 0.0, ""

    def grown(kind: str) -> float:
        return now[kind] / max(1, len(after.failed)) - then[kind] / max(1, len(before.failed))

    kind = max(now, key=grown)
    old, new = then[kind] / max(1, len(before.failed)), now[kind] / max(1, len(after.failed))
    return (
        new - old
    ) / 0.05, f"a constraint given up: {old:.0%} of the texts broke {kind} then, {new:.0%} at the alarm"
