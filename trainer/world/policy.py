"""The policy: a small Qwen2 pre-trained from nothing on the world's prompts and answers, and sampling from it."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.world.asks import Form
from trainer.world.prompts import Prompt, careless_text
from trainer.world.tokenizer import END, chat_text

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PolicySettings:
    """Size and pre-training of the policy. `careful` and `partial` are shares of answers that obey every ask and that
    obey each with one half; the rest obeys by accident only. So obeying is a habit that the policy has, but not always."""

    hidden_size: int = 192
    intermediate_size: int = 384
    layers: int = 2
    heads: int = 6
    kv_heads: int = 2
    vocab_size: int = 1024
    pairs: int = 18_000
    batch_size: int = 32
    learning_rate: float = 4e-3
    matrix_learning_rate: float = 0.02
    careful: float = 0.5
    partial: float = 0.1
    max_positions: int = 512


def answers(
    rng: random.Random, drawn: Sequence[tuple[Prompt, str]], settings: PolicySettings
) -> Iterator[tuple[str, str]]:
    """(prompt, answer) texts to pre-train on: some answers obey, some in part, some not."""
    for prompt, careful in drawn:
        lot = rng.random()
        if lot < settings.careful:
            yield prompt.text, careful
            continue
        form = Form()
        if lot < settings.careful + settings.partial:
            for ask in prompt.asks:
                if rng.random() < 0.5:
                    form = ask.obey(form)
            form = replace(form, mention=form.mention[:2])
        yield prompt.text, careless_text(rng, prompt.character, form)


def pretrain(
    pairs: Sequence[tuple[str, str]], tokenizer: Any, settings: PolicySettings, seed: int, progress: Progress
) -> Any:
    """A Qwen2ForCausalLM trained for one epoch on `pairs`, loss on the answers only; float32."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=settings.vocab_size,
            hidden_size=settings.hidden_size,
            intermediate_size=settings.intermediate_size,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.kv_heads,
            max_position_embeddings=settings.max_positions,
            tie_word_embeddings=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        )
    )
    encoded = [_encode(tokenizer, prompt, answer) for prompt, answer in pairs]
    batches = _batches(encoded, settings.batch_size, random.Random(seed))
    # Muon for the matrices inside the layers, AdamW for the embeddings: the split that its authors recommend.
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in name)]
    optimizers = (
        torch.optim.Muon(matrices, lr=settings.matrix_learning_rate, momentum=0.95, weight_decay=0.0),
        torch.optim.AdamW(others, lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    )
    full_rates = (settings.matrix_learning_rate, settings.learning_rate)
    model.train()
    for step, batch in enumerate(batches):
        for optimizer, full_rate in zip(optimizers, full_rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full_rate * _schedule(step, len(batches))
        longest = max(len(ids) for ids, _ in batch)
        ids_BT = torch.full((len(batch), longest), tokenizer.pad_token_id)
        answer_BT = torch.zeros((len(batch), longest), dtype=torch.bool)
        for row, (ids, start) in enumerate(batch):
            ids_BT[row, : len(ids)] = torch.tensor(ids)
            answer_BT[row, start : len(ids)] = True
        # Padding is on the right and attention is causal: no mask is needed, padded positions carry no loss.
        hidden_BTH = model.model(input_ids=ids_BT).last_hidden_state[:, :-1]
        wanted = answer_BT[:, 1:]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden_BTH[wanted]), ids_BT[:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        progress("policy", step + 1, len(batches))
    return model.eval()


def save_policy(model: Any, tokenizer: Any, folder: Path) -> None:
    """bfloat16, as OpenRLHF trains and vLLM serves it: weight sync needs one type on both sides."""
    import torch

    model.to(torch.bfloat16).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def sample(
    folder: Path, prompts: Sequence[str], *, samples: int, max_tokens: int, seed: int, batch_size: int = 256
) -> list[list[str]]:
    """`samples` answers to each prompt from the saved policy, at temperature 1 over the whole vocabulary."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    texts = [chat_text(tokenizer, prompt) for prompt in prompts for _ in range(samples)]
    written: list[str] = []
    for first in range(0, len(texts), batch_size):
        inputs = tokenizer(
            texts[first : first + batch_size], return_tensors="pt", padding=True, add_special_tokens=False
        )
        with torch.inference_mode():
            out = model.generate(
                input_ids=inputs.input_ids,
                attention_mask=inputs.attention_mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=max_tokens,
            )
        written += tokenizer.batch_decode(out[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
    return [written[i : i + samples] for i in range(0, len(written), samples)]


def _encode(tokenizer: Any, prompt: str, answer: str) -> tuple[list[int], int]:
    """Token ids of the whole exchange up to the answer's <|im_end|>, and where the answer begins."""
    asked = tokenizer(chat_text(tokenizer, prompt), add_special_tokens=False).input_ids
    return asked + tokenizer(answer + END, add_special_tokens=False).input_ids, len(asked)


def _batches(
    encoded: Sequence[tuple[list[int], int]], size: int, rng: random.Random
) -> list[list[tuple[list[int], int]]]:
    """Batches of similar length in random order: less padding, the same pairs."""
    order = list(range(len(encoded)))
    rng.shuffle(order)
    window = size * 16
    sorted_windows = [
        sorted(order[i : i + window], key=lambda j: len(encoded[j][0])) for i in range(0, len(order), window)
    ]
    batches = [w[i : i + size] for w in sorted_windows for i in range(0, len(w), size)]
    rng.shuffle(batches)
    return [[encoded[j] for j in batch] for batch in batches]


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up over 5 % of the steps, then a cosine down to a twentieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
