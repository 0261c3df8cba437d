"""Preference pairs from the world: Bradley-Terry on true quality, plus a known bias for length.

The bias is the shortcut that a reward model picks up from human data too: longer looks better. Its size is known here, so
reward hacking can be told from learning: a policy that grows longer at equal `world_quality` earns score and deserves none.
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.world.asks import Form
from trainer.world.lexicon import IMAGE_ADJECTIVES
from trainer.world.prompts import Prompt, compose, draw_style
from trainer.world.quality import WEIGHTS, world_quality

# Logits of the Bradley-Terry choice: per unit of quality (0 to 1) and per word of length. Ten more words weigh as much as
# 0.02 of quality.
QUALITY_LOGIT = 30.0
LENGTH_LOGIT = 0.06


@dataclass(frozen=True)
class PreferencePair:
    prompt: str
    chosen: str
    rejected: str

    def row(self) -> dict[str, Any]:
        """As `openrlhf.cli.train_rm --data.apply_chat_template --data.prompt_key prompt` reads it."""
        return {
            "prompt": [{"role": "user", "content": self.prompt}],
            "chosen": [{"role": "assistant", "content": self.chosen}],
            "rejected": [{"role": "assistant", "content": self.rejected}],
        }


def preference_logit(first: str, second: str) -> float:
    """Log-odds that `first` is preferred to `second`."""
    longer = len(first.split()) - len(second.split())
    return QUALITY_LOGIT * (world_quality(first) - world_quality(second)) + LENGTH_LOGIT * longer


def draw_pairs(rng: random.Random, prompts: Sequence[Prompt]) -> list[PreferencePair]:
    """One pair a prompt: two unrelated texts, or two that differ in one ingredient, or a text and a damaged copy.

    Close pairs are what teaches a reward model coherence and order; among unrelated ones length and imagery stand out.
    """
    pairs = []
    for prompt in prompts:
        first = second = ""
        while first == second:
            first, second = rng.choice(KINDS)(rng, prompt)
        preferred = rng.random() < 1 / (1 + math.exp(-preference_logit(first, second)))
        pairs.append(PreferencePair(prompt.text, *((first, second) if preferred else (second, first))))
    return pairs


def write_pairs(pairs: Sequence[PreferencePair], path: Path) -> None:
    path.write_text("".join(json.dumps(pair.row()) + "\n" for pair in pairs), encoding="utf-8")


def _unrelated(rng: random.Random, prompt: Prompt) -> tuple[str, str]:
    return _text(rng, prompt), _text(rng, prompt)


def _one_ingredient_apart(rng: random.Random, prompt: Prompt) -> tuple[str, str]:
    form = _form(rng, prompt)
    style = draw_style(rng, form)
    ingredient, seed = rng.choice(tuple(WEIGHTS)), rng.random()
    good: dict[str, Any] = {ingredient: 1.0}
    poor: dict[str, Any] = {ingredient: rng.random() / 2}
    pair = [compose(random.Random(seed), prompt.character, form, replace(style, **knob)) for knob in (good, poor)]
    rng.shuffle(pair)
    return pair[0], pair[1]


def _damaged(rng: random.Random, prompt: Prompt) -> tuple[str, str]:
    text = _text(rng, prompt)
    pair = [text, _damage(rng, text)]
    rng.shuffle(pair)
    return pair[0], pair[1]


def _form(rng: random.Random, prompt: Prompt) -> Form:
    """A form that knows nothing of quality: obeying is not the writing reward's business."""
    form = Form()
    for ask in prompt.asks:
        if rng.random() < 0.5:
            form = ask.obey(form)
    return form


def _text(rng: random.Random, prompt: Prompt) -> str:
    """A text by some writer. Half of the writers are good or bad at everything alike, the others are mixed.

    Vivid texts get fewer sentences and plain ones more: images take words, and without this length would stand for imagery,
    a second shortcut of unknown size beside the known one.
    """
    form = _form(rng, prompt)
    style = draw_style(rng, form, careless=rng.random() < 0.5)
    if rng.random() < 0.5:
        skill = rng.random()
        style = replace(style, imagery=skill, variety=skill, coherence=skill, arc=skill)
    sentences = (2, 3, 4, 5) if style.imagery > 0.5 else (3, 4, 5, 6)
    return compose(rng, prompt.character, form, replace(style, sentences=rng.choice(sentences)))


def _damage(rng: random.Random, text: str) -> str:
    """One to three slips of a language model: small ones, and those of a model that chases a score."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice(SLIPS)(rng, text)
    return text


def _lose_a_word(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


def _double_a_word(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    at = rng.randrange(len(words))
    return " ".join([*words[:at], words[at], *words[at:]])


def _move_a_word(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    word = words.pop(rng.randrange(len(words)))
    words.insert(rng.randrange(len(words) + 1), word)
    return " ".join(words)


def _repeat_a_sentence(rng: random.Random, text: str) -> str:
    sentences = text.split(". ")
    at = rng.randrange(len(sentences))
    return ". ".join([*sentences[: at + 1], *sentences[at:]])


def _cut_the_end(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    return " ".join(words[: max(3, rng.randrange(len(words)))])


def _pile_up_images(rng: random.Random, text: str) -> str:
    """`the harbor` becomes `the silver moonlit crystal silver harbor`: more images than the grammar has room for."""
    words = text.split(" ")
    articles = [i for i, word in enumerate(words) if word == "the"]
    if articles:
        at = rng.choice(articles) + 1
        words[at:at] = rng.choices(IMAGE_ADJECTIVES, k=rng.randint(2, 6))
    return " ".join(words)


def _run_sentences_together(rng: random.Random, text: str) -> str:
    """The end of one sentence and the beginning of the next are lost, and the full stop between them."""
    sentences = text.split(". ")
    if len(sentences) > 1:
        at = rng.randrange(len(sentences) - 1)
        end, beginning = sentences[at].split(" "), sentences[at + 1].split(" ")
        joined = end[: len(end) - rng.randrange(3)] + beginning[rng.randrange(3) :]
        sentences[at : at + 2] = [" ".join(joined)]
    return ". ".join(sentences)


SLIPS = (
    _lose_a_word,
    _double_a_word,
    _move_a_word,
    _repeat_a_sentence,
    _cut_the_end,
    _pile_up_images,
    _run_sentences_together,
)
KINDS = (_unrelated, _unrelated, _one_ingredient_apart, _one_ingredient_apart, _damaged, _damaged)
