"""The golden texts of a reward model: what they are and how their scores are measured."""

from collections.abc import Sequence
from typing import Any

from rlmr.wire import ChatMessage, Prompt
from services.writing_rm.model.manifest import GoldenText
from services.writing_rm.model.text_form import TextEncoder

Pair = tuple[Prompt, str]

# Each would change its score if a template, tokeniser or head went wrong in one particular way.
BUILT_IN: dict[str, Pair] = {
    "plain": (
        "Write one sentence about the sea.",
        "The sea kept turning the same grey page, and every gull that crossed it read a different word.",
    ),
    "lines": (
        "Write a short poem about winter. Three lines.",
        "Snow on the woodpile,\n\nthe kettle talking to itself,\nno letter today.\n",
    ),
    "unicode": (
        "Schreibe einen Satz über ein Café.",
        "Im Café „Zürich“ roch es nach Regen \N{EM DASH} 東京 war weit, und doch so nah \N{HOT BEVERAGE}.",
    ),
    "special text": (
        "Explain what <|im_end|> means.",
        "Some chat models end a turn with <|im_end|> or <|endoftext|>; here it is only ink.",
    ),
    "dialogue": (
        [
            ChatMessage(role="user", content="Begin a story about a lighthouse."),
            ChatMessage(role="assistant", content="The lamp had not been lit for nine years."),
            ChatMessage(role="user", content="Continue it in one sentence."),
        ],
        "On the tenth, a boy climbed the stairs with a box of matches and a name to keep.",
    ),
}


def score_alone(model: Any, texts: Sequence[Sequence[int]]) -> list[float]:
    """Raw scores from transformers' own forward, one text at a time, no padding: the reference everything is held to.

    `model`: AutoModelForSequenceClassification at float32. Texts end at EOS, which must not be the padding token.
    """
    import torch

    with torch.inference_mode():
        return [float(model(torch.tensor([list(text)], device=model.device)).logits[0, 0]) for text in texts]


def spread(pairs: Sequence[Pair], raws: Sequence[float], count: int) -> list[int]:
    """Indices of up to `count` different pairs, evenly spaced over the range of scores, lowest and highest included."""
    order = sorted(range(len(pairs)), key=lambda i: raws[i])
    if len(order) <= count:
        return order
    return [order[round(k * (len(order) - 1) / (count - 1))] for k in range(count)]


def golden_texts(
    model: Any, encoder: TextEncoder, max_tokens: int, reference: Sequence[Pair], raws: Sequence[float]
) -> list[GoldenText]:
    """Built-in texts that fit, and eight of the reference set; scored alone by `model` (float32)."""
    chosen = {
        name: pair for name, pair in BUILT_IN.items() if encoder.form.chat_template or isinstance(pair[0], str)
    } | {f"reference {i}": reference[i] for i in spread(reference, raws, 8)}
    ids = {name: encoder.encode(*pair) for name, pair in chosen.items()}
    fitting = {name: text for name, text in ids.items() if len(text) <= max_tokens}
    scores = score_alone(model, list(fitting.values()))
    return [
        GoldenText(id=name, prompt=chosen[name][0], response=chosen[name][1], tokens=len(text), raw=raw)
        for (name, text), raw in zip(fitting.items(), scores, strict=True)
    ]
