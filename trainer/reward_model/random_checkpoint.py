"""A checkpoint laid out as train_rm writes it, with random weights: for tests and benchmarks on a machine without models."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "sha",
    "tu",
    "vel",
    "or",
    "an",
    "est",
    "ill",
    "ow",
    "ber",
    "cro",
    "din",
    "fa",
    "gul",
    "hes",
]


def write_random_checkpoint(
    directory: Path,
    *,
    family: str = "qwen2",
    seed: int = 0,
    vocabulary: int = 512,
    dtype: str = "bfloat16",
    shape: Mapping[str, int] | None = None,
) -> None:
    """family: qwen2, qwen3, llama, mistral or gemma. `shape` overrides config entries (hidden_size, num_hidden_layers, ...)."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    tokenizer = chatml_tokenizer(vocabulary, seed)
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,  # of width 32, the smallest vLLM's CPU attention takes
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
    } | dict(shape or {})
    sizes.setdefault("head_dim", sizes["hidden_size"] // sizes["num_attention_heads"])
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        num_labels=1,
        tie_word_embeddings=False,
        # Wide enough at small sizes for attention, and so the score, to depend on the words.
        initializer_range=0.1 if sizes["hidden_size"] < 512 else 0.02,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_config(config, dtype=getattr(torch, dtype))
    model.score.weight.data.normal_(std=1 / (config.hidden_size + 1))
    model.save_pretrained(str(directory))
    # As models/model.py's RewardModel leaves it: no labels, and the evaluation set's mean and std.
    saved = model.config
    saved.architectures = ["RewardModel"]
    saved.normalize_reward, saved.mean, saved.std = False, 0.0, 1.0
    saved.to_json_file(str(directory / "config.json"))
    tokenizer.save_pretrained(str(directory))


def chatml_tokenizer(vocabulary: int, seed: int = 0) -> Any:
    """A byte-level BPE trained on invented words: any Unicode text can be encoded."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((invented_text(random.Random(f"{seed} {i}"), 30) for i in range(400)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def invented_text(rng: random.Random, words: int) -> str:
    """Pronounceable nonsense: `words` words of one to three syllables, in sentences."""
    text, sentence = [], []
    for _ in range(words):
        sentence.append("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))))
        if rng.random() < 0.12:
            text.append(" ".join(sentence).capitalize() + ".")
            sentence = []
    if sentence:
        text.append(" ".join(sentence).capitalize() + ".")
    return " ".join(text)
