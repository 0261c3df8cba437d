"""Samples responses of a policy to prompts, outside OpenRLHF, so that before and after are measured in the same way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sampled:
    """`samples` responses to one prompt, with their lengths in tokens (end token included)."""

    responses: list[str]
    tokens: list[int]
    finished: list[bool]
    """Whether the policy ended the response itself; else it was cut off at the longest that was allowed."""


def sample(
    model: str,
    prompts: list[list[dict[str, str]]],
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    seed: int,
    engine: str = "transformers",
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Sampled]:
    """One Sampled per prompt (chat messages), in order. temperature 0 = greedy. Deterministic for one seed on one machine."""
    done: list[Sampled] = []
    for some in stream(model, prompts, samples, temperature, max_new_tokens, seed, engine):
        done += some
        on_progress(len(done))
    return done


def stream(
    model: str,
    prompts: list[list[dict[str, str]]],
    samples: int,
    temperature: float,
    max_new_tokens: int,
    seed: int,
    engine: str = "transformers",
    batch: int = 64,
) -> Iterator[list[Sampled]]:
    """As `sample`, some prompts at a time (`batch` of them; vLLM schedules by itself and gives all at once)."""
    if engine == "vllm":
        return iter([_vllm(model, prompts, samples, temperature, max_new_tokens, seed)])
    return _transformers(model, prompts, samples, temperature, max_new_tokens, seed, batch)


def _transformers(
    model: str, prompts: list[Any], samples: int, temperature: float, max_new_tokens: int, seed: int, batch: int
) -> Iterator[list[Sampled]]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # fp32 on a CPU: bf16 is emulated there and several times slower.
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    policy = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()
    torch.manual_seed(seed)
    for start in range(0, len(prompts), batch):
        texts = [
            tokenizer.apply_chat_template(p, tokenize=False, add_generation_prompt=True)
            for p in prompts[start : start + batch]
        ]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(device)
        how: dict[str, Any] = (
            {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
            if temperature > 0
            else {"do_sample": False}
        )
        with torch.inference_mode():
            output = policy.generate(
                **inputs,
                **how,
                max_new_tokens=max_new_tokens,
                num_return_sequences=samples,
                pad_token_id=tokenizer.pad_token_id,
            )
        actions = output[:, inputs["input_ids"].shape[1] :].tolist()
        done: list[Sampled] = []
        for i in range(len(texts)):
            own = [_until_end(ids, tokenizer.eos_token_id) for ids in actions[i * samples : (i + 1) * samples]]
            done.append(
                Sampled(
                    [tokenizer.decode(ids, skip_special_tokens=True) for ids in own],
                    [len(ids) for ids in own],
                    [ids[-1:] == [tokenizer.eos_token_id] for ids in own],
                )
            )
        yield done


def _until_end(ids: list[int], end: int) -> list[int]:
    """Up to and with the end token; what follows it is padding."""
    return ids[: ids.index(end) + 1] if end in ids else ids


def _vllm(
    model: str, prompts: list[Any], samples: int, temperature: float, max_new_tokens: int, seed: int
) -> list[Sampled]:
    import torch
    from vllm import LLM, SamplingParams

    on_gpu = torch.cuda.is_available()
    # On a CPU, vLLM 0.29.0 dies of a request's own seed once a prompt is prefilled in parts, and compiling takes longer than it saves.
    engine = LLM(model=model, seed=seed, tensor_parallel_size=_gpus_to_share(model), enforce_eager=not on_gpu)
    params = SamplingParams(
        n=samples, temperature=temperature, max_tokens=max_new_tokens, seed=seed if on_gpu else None
    )
    outputs = engine.chat(prompts, params, use_tqdm=False)
    return [
        Sampled(
            [o.text for o in out.outputs],
            [len(o.token_ids) for o in out.outputs],
            [o.finish_reason == "stop" for o in out.outputs],
        )
        for out in outputs
    ]


def _gpus_to_share(model: str) -> int:
    """Most of this machine's GPUs that divide the model's attention heads: a 32B policy does not fit one."""
    import torch
    from transformers import AutoConfig

    there = torch.cuda.device_count() if torch.cuda.is_available() else 1
    heads = int(getattr(AutoConfig.from_pretrained(model), "num_attention_heads", 1))
    return max(count for count in range(1, max(there, 1) + 1) if heads % count == 0)
