"""`world_quality` reads the text alone, and rises with each of its ingredients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.world.quality import WEIGHTS, features, parse_sentence, world_quality

PLAIN = "The old keeper walked to the harbor. But the storm took the lantern. At last he found the lantern."
VIVID = (
    "The old keeper walked to the silver harbor. But the whispering storm took the lantern. "
    "At last he found the glowing lantern like slow honey."
)


def test_a_vivid_whole_story_is_perfect() -> None:
    assert world_quality(VIVID) == pytest.approx(1.0)


def test_weights_sum_to_one() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_imagery_raises_quality_but_the_same_image_twice_does_not() -> None:
    once = PLAIN.replace("harbor", "silver harbor")
    twice = once.replace("storm", "silver storm")
    other = once.replace("storm", "golden storm")
    assert world_quality(PLAIN) < world_quality(once) < world_quality(other)
    assert features(twice).imagery == features(once).imagery


def test_repetition_lowers_variety() -> None:
    repeated = PLAIN.replace("At last he found the lantern.", "He cleaned the lantern. He cleaned the lantern.")
    assert features(repeated).variety < features(PLAIN).variety == 1.0


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("he found", "she found"),
        ("walked to the harbor", "walked to the bakery"),
        ("the storm", "the thief"),
        ("found the lantern", "found the mirror"),
    ],
)
def test_a_lost_thread_lowers_coherence(good: str, bad: str) -> None:
    assert features(PLAIN.replace(good, bad)).coherence < features(PLAIN).coherence == 1.0


def test_the_arc_needs_scene_trouble_and_ending_in_order() -> None:
    scene, trouble, ending = (f"{s}." for s in PLAIN.rstrip(".").split(". "))
    arcs = [features(" ".join(parts)).arc for parts in ((scene, trouble, ending), (scene, ending), (ending, trouble))]
    assert arcs == [pytest.approx(1), pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert features(" ".join((ending, trouble, scene))).arc < 1


@pytest.mark.parametrize("form", ['"{0}"', "<<The Long Night>>\n{0}", "{0} The end.", "{0} P.S. Tell no one."])
def test_the_form_of_a_text_is_neutral(form: str) -> None:
    assert features(form.format(VIVID)) == features(VIVID)


@pytest.mark.parametrize(
    "damage",
    [" He.", " He found the", " He found found the lantern.", " asdf", " <<The Long Night>>", " The end. The end."],
)
def test_what_the_grammar_cannot_have_written_costs(damage: str) -> None:
    assert world_quality(VIVID + damage) < world_quality(VIVID)


def test_length_alone_earns_nothing() -> None:
    longer = PLAIN.replace("But the", "He carried the lantern. He searched all night. But the")
    assert world_quality(longer) == pytest.approx(world_quality(PLAIN))


def test_images_do_not_stack() -> None:
    assert parse_sentence("He found the silver golden lantern") is not None
    assert parse_sentence("He found the silver golden amber lantern") is None


@pytest.mark.parametrize("text", ["", " ", ".", "...", '"', "<<>>", "P.S.", "\x00", "\ud800", "The end."])
def test_no_story_has_no_quality(text: str) -> None:
    assert world_quality(text) == 0.0


@given(st.text() | st.lists(st.sampled_from(VIVID.split()), max_size=60).map(" ".join))
def test_quality_is_a_number_between_zero_and_one(text: str) -> None:
    assert 0.0 <= world_quality(text) <= 1.0
