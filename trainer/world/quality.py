"""The true quality of a story, computed from its text alone: what the writing reward model tries to learn.

Every sentence is parsed with the world's grammar; what does not parse counts against the story, so the number is honest
on a policy's broken text too. It knows nothing of prompts and constraints: titles, closing lines and postscripts are
neutral where they are well formed, and length by itself earns nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trainer.world import lexicon

# Shares of the four ingredients in `world_quality`; they sum to 1.
WEIGHTS = {"imagery": 0.30, "variety": 0.15, "coherence": 0.25, "arc": 0.30}


def _any(options: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted((re.escape(o) for o in options), key=len, reverse=True)) + ")"


_CHARACTERS = {c.name: c for s in lexicon.SETTINGS for c in s.characters}
_HOMES: dict[str, set[str]] = {}
for _setting in lexicon.SETTINGS:
    for _noun in (*_setting.places, *_setting.things, *_setting.troubles):
        _HOMES.setdefault(_noun, set()).add(_setting.name)
_HOME_OF = {c.name: s.name for s in lexicon.SETTINGS for c in s.characters}

_IMAGES = rf"(?P<images{{n}}>(?:{_any(lexicon.IMAGE_ADJECTIVES)} ){{{{0,2}}}})"
_SUBJECT = rf"(?:(?P<name>{_any(_CHARACTERS)})|(?P<pronoun>he|she|it))"
_SIMILE = rf"(?: (?P<simile>{_any(lexicon.SIMILES)}))?"
_THINGS = _any({*lexicon.COMMON_THINGS, *(t for s in lexicon.SETTINGS for t in s.things)})
_THE_THING = rf"the {_IMAGES.format(n=2)}(?P<thing>{_THINGS})"


def _stage(markers: Iterable[str], body: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?P<marker>{_any(markers)}) )?{body}")


_PLACES = _any(p for s in lexicon.SETTINGS for p in s.places)
_TROUBLES = _any(t for s in lexicon.SETTINGS for t in s.troubles)
STAGES: dict[str, re.Pattern[str]] = {
    "scene": _stage(
        lexicon.SCENE_MARKERS,
        rf"{_SUBJECT} (?P<verb>{_any(lexicon.SCENE_VERBS)}) the {_IMAGES.format(n=1)}(?P<noun>{_PLACES}){_SIMILE}",
    ),
    "detail": re.compile(rf"{_SUBJECT} (?P<verb>{_any(lexicon.DETAIL_VERBS)}) {_THE_THING}{_SIMILE}"),
    "trouble": _stage(
        lexicon.TROUBLE_MARKERS,
        rf"the {_IMAGES.format(n=1)}(?P<noun>{_TROUBLES}) (?P<verb>{_any(lexicon.TROUBLE_VERBS)}) {_THE_THING}",
    ),
    "effort": re.compile(rf"{_SUBJECT} (?P<verb>{_any(lexicon.EFFORT_PHRASES)}){_SIMILE}"),
    "ending": _stage(
        lexicon.ENDING_MARKERS, rf"{_SUBJECT} (?P<verb>{_any(lexicon.ENDING_VERBS)}) {_THE_THING}{_SIMILE}"
    ),
}


@dataclass(frozen=True)
class Sentence:
    """What one sentence of a story says. `nouns` are its place, trouble and thing; `units` its verb, marker, images."""

    stage: str
    subject: str | None
    nouns: tuple[str, ...]
    thing: str | None
    images: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Features:
    """The ingredients of quality, each in [0, 1], and `well_formed`, the share of sentences that parse."""

    imagery: float
    variety: float
    coherence: float
    arc: float
    well_formed: float

    @property
    def quality(self) -> float:
        return self.well_formed * sum(share * getattr(self, name) for name, share in WEIGHTS.items())


def parse_sentence(sentence: str) -> Sentence | None:
    """`sentence` without its full stop; None if the grammar cannot have written it. Commas and case do not matter."""
    plain = " ".join(sentence.replace(",", " ").lower().split())
    for stage, pattern in STAGES.items():
        match = pattern.fullmatch(plain)
        if match:
            found = match.groupdict()
            images = [w for n in ("images1", "images2") for w in (found.get(n) or "").split()]
            images += [found["simile"]] if found.get("simile") else []
            return Sentence(
                stage=stage,
                subject=found.get("name") or found.get("pronoun"),
                nouns=tuple(n for n in (found.get("noun"), found.get("thing")) if n),
                thing=found.get("thing"),
                images=tuple(images),
                units=tuple(u for u in (found["verb"], found.get("marker"), *images) if u),
            )
    return None


def story_sentences(text: str) -> list[Sentence | None]:
    """The parsed sentences of the story itself; None for each piece of text that the grammar cannot have written."""
    body = text.strip()
    if len(body) > 1 and body.startswith('"') and body.endswith('"'):
        body = body[1:-1].strip()
    for title in lexicon.TITLES:
        body = body.removeprefix(f"<<{title}>>").lstrip()
    for postscript in lexicon.POSTSCRIPTS:
        body = body.removesuffix(postscript).rstrip()
    for closer in lexicon.CLOSERS:
        body = body.removesuffix(closer).rstrip()
    *pieces, rest = body.split(".")
    # Text after the last full stop is a sentence that was never finished.
    return [parse_sentence(piece) for piece in pieces] + ([None] if rest.strip() else [])


def features(text: str) -> Features:
    """The ingredients of `world_quality` of one text."""
    pieces = story_sentences(text)
    parsed = [piece for piece in pieces if piece]
    if not parsed:
        return Features(0.0, 0.0, 0.0, 0.0, 0.0)
    return Features(
        imagery=min(1.0, len({image for s in parsed for image in s.images}) / len(parsed)),
        variety=_variety(parsed),
        coherence=_coherence(parsed),
        arc=_arc(parsed),
        well_formed=len(parsed) / len(pieces),
    )


def world_quality(text: str) -> float:
    """True quality in [0, 1]: the weighted ingredients times the share of well-formed sentences; 0 without a story."""
    return features(text).quality


def _variety(sentences: list[Sentence]) -> float:
    """1 if no verb, marker or image comes twice, 0 if half of them are repetitions."""
    units = [unit for s in sentences for unit in s.units]
    return max(0.0, 2 * len(set(units)) / len(units) - 1)


def _coherence(sentences: list[Sentence]) -> float:
    """Mean over sentences of: the protagonist is the one first named, the nouns are at home there, the ending's thing
    was mentioned before."""
    hero = next((s.subject for s in sentences if s.subject in _CHARACTERS), None)
    home = _HOME_OF[hero] if hero else None
    seen: set[str] = set()
    marks: list[float] = []
    for s in sentences:
        marks += [1.0 if home is None or home in _HOMES.get(n, {home}) else 0.0 for n in s.nouns]
        if s.subject:
            marks.append(1.0 if hero and s.subject in (hero, _CHARACTERS[hero].pronoun) else 0.0)
        if s.stage == "ending":
            marks.append(1.0 if s.thing in seen else 0.0)
        seen.update(n for n in (s.thing,) if n)
    return sum(marks) / len(marks)


def _arc(sentences: list[Sentence]) -> float:
    """A third each for: opens with a scene, a trouble after it, closes with an ending (after the trouble)."""
    stages = [s.stage for s in sentences]
    opens = stages[0] == "scene"
    trouble = "trouble" in stages[1:]
    closes = stages[-1] == "ending" and len(stages) > 1
    return (opens + trouble + closes) / 3
