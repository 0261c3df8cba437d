"""What a prompt can ask of a story: the constraints, how people word them, and what form a story takes to obey them.

The constraint ids and keyword arguments are IFEval's, checked by the verifier's registry; nothing here decides whether
a text obeys.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from trainer.world.lexicon import CLOSERS, COMMON_THINGS

# Longest text of the world's own writing, in words; about 62 tokens, so an answer fits 64 tokens with its end.
MAX_WORDS = 50


@dataclass(frozen=True)
class Form:
    """The form of a text around and inside its story. Limits are in words and sentences of the whole text."""

    title: bool = False
    quoted: bool = False
    postscript: bool = False
    closer: str | None = None
    commas: bool | None = None
    mention: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()
    words: tuple[int, int] = (1, MAX_WORDS)
    sentences: tuple[int, int] = (1, 9)


@dataclass(frozen=True)
class Ask:
    """One constraint of a prompt: its id and arguments, its wording, and `obey`, which bends a form to it."""

    type: str
    kwargs: dict[str, Any]
    text: str
    obey: Callable[[Form], Form] = field(compare=False, repr=False)

    @property
    def constraint(self) -> dict[str, Any]:
        return {"type": self.type, "kwargs": self.kwargs}


NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
MOST_WORDS = (28, 34, 40)
LEAST_WORDS = (26, 34)
FORBIDDABLE: tuple[str, ...] = ("but", "then", "suddenly", "finally", "night", "morning", "silver", *COMMON_THINGS[:3])


def _most_words(rng: random.Random) -> Ask:
    count = rng.choice(MOST_WORDS)
    inclusive = rng.random() < 0.5
    wordings = (
        ("Use at most {n} words.", "No more than {n} words.")
        if inclusive
        else ("Use fewer than {n} words.", "Stay under {n} words.")
    )
    limit = count + 1 if inclusive else count
    return Ask(
        "length_constraints:number_words",
        {"relation": "less than", "num_words": limit},
        rng.choice(wordings).format(n=count),
        lambda form: replace(form, words=(1, limit - 1)),
    )


def _least_words(rng: random.Random) -> Ask:
    count = rng.choice(LEAST_WORDS)
    wordings = ("Use at least {n} words.", "Write {n} words or more.")
    return Ask(
        "length_constraints:number_words",
        {"relation": "at least", "num_words": count},
        rng.choice(wordings).format(n=count),
        lambda form: replace(form, words=(count, MAX_WORDS)),
    )


def _most_sentences(rng: random.Random) -> Ask:
    count = rng.choice((3, 4))
    wordings = ("Use at most {n} sentences.", "No more than {n} sentences.")
    return Ask(
        "length_constraints:number_sentences",
        {"relation": "less than", "num_sentences": count + 1},
        rng.choice(wordings).format(n=NUMBERS[count]),
        lambda form: replace(form, sentences=(1, count)),
    )


def _least_sentences(rng: random.Random) -> Ask:
    count = rng.choice((4, 5))
    wordings = ("Use at least {n} sentences.", "Write {n} sentences or more.")
    return Ask(
        "length_constraints:number_sentences",
        {"relation": "at least", "num_sentences": count},
        rng.choice(wordings).format(n=NUMBERS[count]),
        lambda form: replace(form, sentences=(count, 9)),
    )


def _existence(rng: random.Random) -> Ask:
    words = rng.sample(COMMON_THINGS, rng.choice((1, 1, 2)))
    wordings = {
        1: ("Mention the {0}.", "Use the word {0}."),
        2: ("Mention the {0} and the {1}.", "Use the words {0} and {1}."),
    }
    return Ask(
        "keywords:existence",
        {"keywords": words},
        rng.choice(wordings[len(words)]).format(*words),
        lambda form: replace(form, mention=(*form.mention, *words)),
    )


def _frequency(rng: random.Random) -> Ask:
    word = rng.choice(COMMON_THINGS)
    wordings = (
        "Use the word {0} at least twice.",
        "Say {0} two times or more.",
    )
    return Ask(
        "keywords:frequency",
        {"relation": "at least", "keyword": word, "frequency": 2},
        rng.choice(wordings).format(word),
        lambda form: replace(form, mention=(word, *form.mention)),
    )


def _forbidden(rng: random.Random) -> Ask:
    words = rng.sample(FORBIDDABLE, rng.choice((1, 2)))
    wordings = {
        1: ("Do not use the word {0}.", "Avoid the word {0}."),
        2: ("Do not use the words {0} and {1}.", "Avoid the words {0} and {1}."),
    }
    return Ask(
        "keywords:forbidden_words",
        {"forbidden_words": words},
        rng.choice(wordings[len(words)]).format(*words),
        lambda form: replace(form, avoid=form.avoid | set(words)),
    )


def _closer(rng: random.Random) -> Ask:
    phrase = rng.choice(CLOSERS)
    wordings = ("End with: {0}", "The last words must be: {0}")
    return Ask(
        "startend:end_checker",
        {"end_phrase": phrase},
        rng.choice(wordings).format(phrase),
        lambda form: replace(form, closer=phrase),
    )


def _no_comma(rng: random.Random) -> Ask:
    wordings = ("Do not use any commas.", "No commas, please.")
    return Ask("punctuation:no_comma", {}, rng.choice(wordings), lambda form: replace(form, commas=False))


def _title(rng: random.Random) -> Ask:
    wordings = ("Give it a title in << and >>.", "Start with a <<title>>.")
    return Ask("detectable_format:title", {}, rng.choice(wordings), lambda form: replace(form, title=True))


def _quotation(rng: random.Random) -> Ask:
    wordings = (
        "Wrap it in double quotation marks.",
        "Put everything in double quotes.",
    )
    return Ask("startend:quotation", {}, rng.choice(wordings), lambda form: replace(form, quoted=True))


def _postscript(rng: random.Random) -> Ask:
    wordings = ("Add a P.S. at the end.", "Finish with a postscript (P.S.).")
    return Ask(
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        rng.choice(wordings),
        lambda form: replace(form, postscript=True),
    )


# Families: at most one ask of each is in a prompt; the weight is how often prompts draw it.
FAMILIES: dict[str, tuple[float, tuple[Callable[[random.Random], Ask], ...]]] = {
    "words": (2.5, (_most_words, _least_words)),
    "sentences": (1.5, (_most_sentences, _least_sentences)),
    "keywords": (2.0, (_existence, _frequency)),
    "forbidden": (1.0, (_forbidden,)),
    "ending": (1.5, (_closer, _postscript)),
    "commas": (1.0, (_no_comma,)),
    "title": (1.0, (_title,)),
    "quotation": (1.0, (_quotation,)),
}


def draw_asks(rng: random.Random) -> list[Ask]:
    """One to three asks of different families."""
    count = rng.choices((1, 2, 3), weights=(4, 4, 1))[0]
    names = list(FAMILIES)
    asks: list[Ask] = []
    for _ in range(count):
        name = rng.choices(names, weights=[FAMILIES[n][0] for n in names])[0]
        names.remove(name)
        asks.append(rng.choice(FAMILIES[name][1])(rng))
    return asks
