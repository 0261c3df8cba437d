"""Similarity: ROUGE-L against its definition, near-duplicates against all pairs, runs of tokens."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rapidfuzz", reason="the extra `real` is not installed")
pytest.importorskip("datasketch", reason="the extra `real` is not installed")

from trainer.data.seed_prompts import seed_prompts
from trainer.data.similarity import RougePool, language_of, near_duplicates, ngrams, tokens


def rouge_l(a: list[str], b: list[str]) -> float:
    """F1 of the longest common subsequence, by the textbook's table."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = row[:]
        for j, y in enumerate(b):
            row[j + 1] = before[j] + 1 if x == y else max(before[j + 1], row[j])
    return 2 * row[-1] / (len(a) + len(b)) if a or b else 1.0


WORDS = st.lists(
    st.sampled_from(["the", "a", "dog", "sea", "storm", "海", "风", "lamp", "runs"]), min_size=1, max_size=12
).map(" ".join)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=6))
def test_nearest_is_the_greatest_rouge_l_of_the_pool(text: str, pool: list[str]) -> None:
    expected = [rouge_l(tokens(text), tokens(other)) for other in pool]
    found, number = RougePool(pool).nearest(text)
    assert found == pytest.approx(max(expected))
    assert number is None or expected[number] == pytest.approx(max(expected))


def test_a_known_value() -> None:
    # LCS "police the gunman" of Lin's example: 3 of 4 words on both sides.
    assert RougePool(["police kill the gunman"]).nearest("police killed the gunman")[0] == pytest.approx(0.75)


def test_tokens_are_words_in_english_and_characters_in_chinese() -> None:
    assert tokens("It's 3 o'clock — 下雨了 again!") == ["it", "s", "3", "o", "clock", "下", "雨", "了", "again"]
    assert (language_of("写一首诗 about rain"), language_of("Write a poem"), language_of("")) == ("zh", "en", "en")


def test_near_duplicates_are_those_of_comparing_all_pairs() -> None:
    rng = random.Random(0)
    texts = [row.text for row in seed_prompts()]
    for text in rng.sample(texts, 20):  # one word of twenty or so goes
        words = text.split(" ") if " " in text else list(text)
        words.pop(rng.randrange(len(words)))
        texts.append((" " if " " in text else "").join(words))
    shingles = [{" ".join(run) for run in ngrams(text, 3)} for text in texts]
    expected = set()
    for i, one in enumerate(shingles):
        scored = [len(one & other) / len(one | other) for other in shingles[:i]]
        if scored and max(scored) >= 0.7:
            expected.add(i)
    assert len(expected) > 5
    found = {alike.second for alike in near_duplicates(texts)}
    assert found <= expected, "the exact similarity decides"
    assert len(expected - found) <= len(expected) // 10, "and nearly none is overlooked"
