"""The tokenizer: about one token a word, any text survives, and the chat form is the one OpenRLHF renders."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.world.policy import PolicySettings, answers
from trainer.world.prompts import draw_prompts
from trainer.world.tokenizer import chat_text, train_tokenizer

DRAWN = draw_prompts(random.Random(0), 2000, "p-", set())
TEXTS = [part for pair in answers(random.Random(0), DRAWN, PolicySettings()) for part in pair]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, PolicySettings().vocab_size)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text), clean_up_tokenization_spaces=False) == text


def test_texts_of_the_world_survive_and_a_word_is_about_a_token(tokenizer: Any) -> None:
    stories = TEXTS[1::2]
    assert all(tokenizer.decode(ids(tokenizer, t)) == t for t in stories)
    words = sum(len(t.split()) + t.count(".") + t.count(",") for t in stories)
    assert sum(len(ids(tokenizer, t)) for t in stories) < 1.15 * words
    assert max(len(ids(tokenizer, t)) for t in stories) < 64


def test_the_chat_form(tokenizer: Any) -> None:
    text = chat_text(tokenizer, "Write.")
    assert text == "<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n"
    control = {tokenizer.convert_tokens_to_ids(t) for t in ("<|im_start|>", "<|im_end|>")}
    assert sum(i in control for i in ids(tokenizer, text)) == 3


def test_special_tokens(tokenizer: Any) -> None:
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<pad>"
    assert tokenizer.bos_token is None
    assert len(tokenizer) == PolicySettings().vocab_size
