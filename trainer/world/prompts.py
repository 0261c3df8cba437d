"""Prompts as people would write them, and the stories that answer them well or badly in form."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.verifier.constraints import check
from trainer.world.asks import MAX_WORDS, Ask, Form, draw_asks
from trainer.world.lexicon import CLOSERS, POSTSCRIPTS, SETTINGS, TITLES, Character
from trainer.world.story import Style, write_story

CHARACTERS: tuple[Character, ...] = tuple(c for setting in SETTINGS for c in setting.characters)
REQUESTS: tuple[str, ...] = (
    "Write a story about {topic}.",
    "Tell me a tale of {topic}.",
    "A story about {topic}, please.",
    "Please write about {topic}.",
)
# A composition is tried this often before a prompt counts as impossible.
TRIES = 60


@dataclass(frozen=True)
class Prompt:
    """One prompt: who the story is about and what is asked of it, with the text that says both."""

    id: str
    character: Character
    asks: tuple[Ask, ...]
    text: str

    @property
    def constraints(self) -> list[dict[str, Any]]:
        return [ask.constraint for ask in self.asks]

    def row(self) -> dict[str, Any]:
        """The row of a prompt file as OpenRLHF reads it: `label` reaches the reward agent verbatim."""
        label = json.dumps({"prompt_id": self.id, "constraints": self.constraints})
        return {"input": [{"role": "user", "content": self.text}], "label": label}


def complies(asks: Sequence[Ask], prompt: str, text: str) -> bool:
    """True if `text` obeys every ask, by the verifier's own rule checkers."""
    return all(check(ask.type, ask.kwargs, prompt, text).passed for ask in asks)


def draw_style(rng: random.Random, form: Form, *, careless: bool = False) -> Style:
    """A style at random: every ingredient is sometimes good and sometimes bad. Careless writers lean to long and vivid,
    and nearly always begin with a flourish; careful ones come to the point."""
    low, high = form.sentences
    lengths = [n for n in ((3, 4, 4, 5, 5) if careless else (2, 3, 3, 4, 4, 5)) if low <= n <= high]
    return Style(
        imagery=rng.betavariate(3, 1.5) if careless else rng.betavariate(1.2, 1.5),
        variety=rng.choice((1.0, rng.random())),
        coherence=rng.choice((1.0, rng.random())),
        arc=rng.choice((1.0, 0.0, 0.0)),
        commas=0.0 if form.commas is False else rng.choice((0.0, 0.7)),
        sentences=rng.choice(lengths or [min(max(low, 2), 6)]),
        opener=0.9 if careless else 0.1,
    )


def compose(rng: random.Random, character: Character, form: Form, style: Style) -> str:
    """One text: a story in `style` inside the title, quotes, closing line and postscript of `form`."""
    text = write_story(rng, style, character, mention=form.mention, avoid=form.avoid)
    if form.title:
        text = f"<<{rng.choice(TITLES)}>>\n{text}"
    if form.closer:
        text = f"{text} {form.closer}"
    if form.postscript:
        text = f"{text} {rng.choice(POSTSCRIPTS)}"
    return f'"{text}"' if form.quoted else text


def careless_text(rng: random.Random, character: Character, form: Form | None = None) -> str:
    """A text by someone who thinks of the story only: long, vivid, with a form of its own."""
    form = form or Form()
    form = replace(
        form,
        title=form.title or rng.random() < 0.06,
        quoted=form.quoted or rng.random() < 0.04,
        postscript=form.postscript or (form.closer is None and rng.random() < 0.04),
        closer=form.closer or (rng.choice(CLOSERS) if not form.postscript and rng.random() < 0.08 else None),
    )
    while True:
        text = compose(rng, character, form, draw_style(rng, Form(commas=form.commas), careless=True))
        if len(text.split()) <= MAX_WORDS:
            return text


def careful_text(rng: random.Random, prompt: Prompt) -> str | None:
    """A text that obeys every ask of the prompt, in a style at random; None if none was found.

    Word limits are kept with a tenth to spare where that is possible, as writers do who do not count.
    """
    form = Form()
    for ask in prompt.asks:
        form = ask.obey(form)
    low, high = form.words
    for attempt in range(TRIES):
        spare = 0.1 if attempt < TRIES // 2 else 0.0
        style = draw_style(rng, form)
        if low > 1:
            style = replace(
                style,
                imagery=max(style.imagery, rng.random()),
                sentences=max(style.sentences, min(4 + low // 35, form.sentences[1])),
            )
        elif attempt >= TRIES // 3 and high < MAX_WORDS:
            style = replace(style, imagery=style.imagery * 0.5)
        if not form.sentences[0] <= style.sentences <= form.sentences[1]:
            continue
        text = compose(rng, prompt.character, form, style)
        words = len(text.split())
        fits = low * (1 + spare) <= words <= min(MAX_WORDS, high if high == MAX_WORDS else high * (1 - spare))
        if fits and complies(prompt.asks, prompt.text, text):
            return text
    return None


def word_prompt(rng: random.Random, character: Character, asks: Sequence[Ask]) -> str:
    """The request and its asks in one of several orders."""
    request = rng.choice(REQUESTS).format(topic=character.topic)
    wishes = " ".join(ask.text for ask in asks)
    return f"{wishes} {request}" if rng.random() < 0.15 else f"{request} {wishes}"


def draw_prompt(rng: random.Random, prompt_id: str) -> tuple[Prompt, str]:
    """A prompt that can be obeyed, with a text that does."""
    while True:
        character, asks = rng.choice(CHARACTERS), draw_asks(rng)
        prompt = Prompt(prompt_id, character, tuple(asks), word_prompt(rng, character, asks))
        text = careful_text(rng, prompt)
        if text is not None:
            return prompt, text


def draw_prompts(rng: random.Random, count: int, prefix: str, taken: set[str]) -> list[tuple[Prompt, str]]:
    """`count` prompts whose texts are neither in `taken` nor twice among them; `taken` grows."""
    drawn: list[tuple[Prompt, str]] = []
    while len(drawn) < count:
        prompt, text = draw_prompt(rng, f"{prefix}{len(drawn):05d}")
        if prompt.text not in taken:
            taken.add(prompt.text)
            drawn.append((prompt, text))
    return drawn
