"""The grammar writes only what the parser reads, in every style."""

import random
from dataclasses import replace
from typing import Any

import pytest

from trainer.world.asks import MAX_WORDS
from trainer.world.lexicon import SETTINGS, word_list
from trainer.world.prompts import CHARACTERS, careless_text
from trainer.world.quality import features, story_sentences
from trainer.world.story import PLANS, Style, write_story

GOOD = Style(imagery=1.0, variety=1.0, coherence=1.0, arc=1.0, commas=0.0, sentences=5)


def mean_quality(style: Style, count: int = 300) -> float:
    rng = random.Random(7)
    return sum(features(write_story(rng, style, rng.choice(CHARACTERS))).quality for _ in range(count)) / count


def test_every_written_sentence_parses() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        text = careless_text(rng, rng.choice(CHARACTERS))
        assert None not in story_sentences(text), text
        assert features(text).well_formed == 1.0


@pytest.mark.parametrize("sentences", PLANS)
def test_a_story_has_the_sentences_its_style_asks_for(sentences: int) -> None:
    text = write_story(random.Random(1), replace(GOOD, sentences=sentences), CHARACTERS[0])
    assert len(story_sentences(text)) == sentences


@pytest.mark.parametrize("ingredient", ["imagery", "variety", "coherence", "arc"])
def test_quality_rises_with_each_ingredient_of_style(ingredient: str) -> None:
    def quality(value: float) -> float:
        change: dict[str, Any] = {ingredient: value}
        return mean_quality(replace(GOOD, **change))

    poor, middling, good = (quality(value) for value in (0.0, 0.5, 1.0))
    assert poor < middling < good


def test_the_best_style_writes_the_best_stories() -> None:
    assert mean_quality(GOOD) > 0.9


def test_avoided_words_are_avoided_and_mentions_are_mentioned() -> None:
    rng = random.Random(3)
    for _ in range(200):
        text = write_story(rng, GOOD, CHARACTERS[0], mention=("lantern", "key"), avoid={"storm", "silver", "but"})
        assert {"storm", "silver", "but"}.isdisjoint(text.lower().replace(",", "").replace(".", "").split())
        assert "lantern" in text and "key" in text


def test_careless_texts_fit_the_token_budget() -> None:
    rng = random.Random(4)
    assert all(len(careless_text(rng, rng.choice(CHARACTERS)).split()) <= MAX_WORDS for _ in range(500))


def test_the_world_is_a_few_hundred_words() -> None:
    assert 200 <= len(word_list()) <= 400


def test_characters_are_told_apart_by_their_names() -> None:
    names = [c.name for s in SETTINGS for c in s.characters]
    assert len(set(names)) == len(names) == 20
