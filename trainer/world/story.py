"""The grammar of the story world: writes a story sentence by sentence in a given style.

A story is a scene, perhaps details, a trouble, perhaps an effort, and an ending. Each ingredient of quality is one knob
of `Style`, so the data holds good and bad examples of every ingredient, independent of each other.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from trainer.world.lexicon import (
    COMMON_THINGS,
    DETAIL_VERBS,
    EFFORT_PHRASES,
    ENDING_MARKERS,
    ENDING_VERBS,
    IMAGE_ADJECTIVES,
    SCENE_MARKERS,
    SCENE_VERBS,
    SETTINGS,
    SIMILES,
    TROUBLE_MARKERS,
    TROUBLE_VERBS,
    Character,
    Setting,
)

PLANS: dict[int, tuple[tuple[str, ...], ...]] = {
    2: (("scene", "ending"),),
    3: (("scene", "trouble", "ending"),),
    4: (("scene", "detail", "trouble", "ending"), ("scene", "trouble", "effort", "ending")),
    5: (("scene", "detail", "trouble", "effort", "ending"),),
    6: (("scene", "detail", "detail", "trouble", "effort", "ending"),),
}


@dataclass(frozen=True)
class Style:
    """How one story is written. Probabilities in [0, 1]; 1 is the good end of the first four, the others are neutral.

    opener: how likely the first sentence starts with a flourish (`one evening`, `long ago`) where it can.
    """

    imagery: float
    variety: float
    coherence: float
    arc: float
    commas: float
    sentences: int
    opener: float = 0.5


def setting_of(character: Character) -> Setting:
    return next(setting for setting in SETTINGS if character in setting.characters)


def capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


class _Writer:
    """State of one story while it is written: what was used already and which words must not be used."""

    def __init__(self, rng: random.Random, style: Style, character: Character, avoid: Collection[str]) -> None:
        self.rng, self.style, self.character, self.avoid = rng, style, character, frozenset(avoid)
        self.home = setting_of(character)
        self.used: list[str] = []
        self.begun = False

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def choose(self, options: Sequence[str]) -> str:
        """One allowed option: a fresh one in a varied style, else one that the story has used before."""
        allowed = [o for o in options if not self.avoid.intersection(o.split())]
        again = [o for o in allowed if o in self.used]
        fresh = [o for o in allowed if o not in self.used]
        pool = again if again and (not fresh or not self.happens(self.style.variety)) else fresh or list(options)
        choice = self.rng.choice(pool)
        self.used.append(choice)
        return choice

    def slips(self) -> bool:
        return not self.happens(self.style.coherence)

    def noun(self, kind: str) -> str:
        """A place, thing or trouble of the home setting, or of a foreign one where the story slips."""
        setting = self.home
        if self.slips():
            setting = self.rng.choice([s for s in SETTINGS if s is not self.home])
        options = [o for o in getattr(setting, kind) if o not in self.avoid]
        if kind == "things" and self.happens(0.4):
            options = [o for o in COMMON_THINGS if o not in self.avoid]
        return self.rng.choice(options or list(getattr(setting, kind)))

    def subject(self, name_probability: float) -> str:
        if self.happens(name_probability):
            return self.character.name
        if self.slips():
            return self.rng.choice([p for p in ("he", "she", "it") if p != self.character.pronoun])
        return self.character.pronoun

    def the(self, noun: str) -> str:
        """`the noun`, with no, one or two image adjectives."""
        images = [self.choose(IMAGE_ADJECTIVES)] if self.happens(0.55 * self.style.imagery) else []
        if images and self.happens(0.25 * self.style.imagery):
            images.append(self.choose(IMAGE_ADJECTIVES))
            images = list(dict.fromkeys(images))
        return " ".join(["the", (", " if self.happens(self.style.commas) else " ").join(images), noun]).replace(
            "  ", " "
        )

    def simile(self) -> str:
        return " " + self.choose(SIMILES) if self.happens(0.5 * self.style.imagery) else ""

    def marker(self, options: Sequence[str], probability: float) -> str:
        allowed = [o for o in options if not self.avoid.intersection(o.split())]
        if not allowed or not self.happens(probability if self.begun else self.style.opener):
            return ""
        marker = self.choose(allowed)
        return marker + (", " if marker != "but" and self.happens(self.style.commas) else " ")

    def sentence(self, stage: str, thing: str) -> str:
        match stage:
            case "scene":
                marker = self.marker(SCENE_MARKERS, 0.6)
                where = self.the(self.noun("places"))
                text = f"{marker}{self.subject(1.0)} {self.choose(SCENE_VERBS)} {where}{self.simile()}"
            case "detail":
                text = f"{self.subject(0.1)} {self.choose(DETAIL_VERBS)} {self.the(thing)}{self.simile()}"
            case "trouble":
                trouble = self.the(self.noun("troubles"))
                text = f"{self.marker(TROUBLE_MARKERS, 0.85)}{trouble} {self.choose(TROUBLE_VERBS)} {self.the(thing)}"
            case "effort":
                text = f"{self.subject(0.1)} {self.choose(EFFORT_PHRASES)}{self.simile()}"
            case _:
                marker = self.marker(ENDING_MARKERS, 0.8)
                text = f"{marker}{self.subject(0.1)} {self.choose(ENDING_VERBS)} {self.the(thing)}{self.simile()}"
        self.begun = True
        return capitalised(text) + "."

    def plan(self) -> list[str]:
        stages = list(self.rng.choice(PLANS[self.style.sentences]))
        if self.happens(self.style.arc):
            return stages
        damage = self.rng.choice(("no_trouble", "no_ending", "shuffled"))
        if damage == "shuffled":
            self.rng.shuffle(stages)
            return stages
        lost = "trouble" if damage == "no_trouble" else "ending"
        return [self.rng.choice(("detail", "effort")) if stage == lost else stage for stage in stages]


def write_story(
    rng: random.Random,
    style: Style,
    character: Character,
    *,
    mention: Sequence[str] = (),
    avoid: Collection[str] = (),
) -> str:
    """One story as running text. Every word in `mention` (things) is used as an object while there are slots, in order;
    no word in `avoid` is used as long as the grammar has another."""
    writer = _Writer(rng, style, character, avoid)
    stages = writer.plan()
    slots = [i for i, stage in enumerate(stages) if stage in ("detail", "trouble", "ending")]
    stake = mention[0] if mention else writer.noun("things")
    things = dict.fromkeys(slots, stake)
    if writer.slips() and slots:
        things[slots[-1]] = writer.noun("things")
    for i in slots:
        if stages[i] == "detail" and writer.happens(0.5):
            things[i] = writer.noun("things")
    # Further words to mention go into details first; only where there are none does the thread give way.
    free = sorted(slots[:-1], key=lambda i: stages[i] != "detail")
    things.update(zip(free, mention[1:], strict=False))
    return " ".join(writer.sentence(stage, things.get(i, "")) for i, stage in enumerate(stages))
