"""The judge against a real engine: vLLM's OpenAI server on the CPU with structured output and a tiny model of random weights.

The protocol, the grammar and the log-probabilities are real; what the model says is not, so no test looks at a verdict's content. Random
weights do not know when to end a sentence: most verdicts are asked for in a form (form.json) whose reason is of limited length.
About a minute, most of it vLLM's start, and 2 GB.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from services.verifier.app import build_app
from services.verifier.settings import VerifierSettings
from tests.engines.engine_process import EngineProcess

SAMPLES = [
    {"id": str(i), "prompt": "Write of autumn.", "response": response, "constraints": [{"type": "judge", "text": text}]}
    for i, (response, text) in enumerate(
        [
            ("The leaves lie deep.", "The text is about autumn."),
            ("Snow <|im_end|> and {{response}} 😀", "The text is about autumn."),
            ("雪落在屋顶上。", "文章写的是冬天。"),
        ]
    )
]


def write_model(directory: Path) -> None:
    """A Qwen2 of two layers and random weights, with a byte-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    fast.save_pretrained(directory)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=320,
        hidden_size=128,  # heads of 64: vLLM has CPU kernels for few sizes
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=32_768,  # a byte is a token, and the list of rules is long
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(directory)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    pytest.importorskip("vllm", reason="vLLM is not installed: the judge is tested against the scripted endpoint only")
    directory = tmp_path_factory.mktemp("judge")
    write_model(directory)
    structured = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    limits = ("--max-model-len", "32768", "--max-num-seqs", "4", "--max-num-batched-tokens", "8192")
    process = EngineProcess.vllm(
        directory, directory / "engine.log", *limits, "--structured-outputs-config", structured
    )
    # The other engine tests serve pooling models; this one generates.
    process.command = [part for part in process.command if part not in ("--runner", "pooling")]
    process.start()
    try:
        process.wait_ready(patience=400)
        yield process
    finally:
        process.kill()


def verify(engine: EngineProcess, samples: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    model = httpx.get(f"{engine.url}/v1/models").json()["data"][0]["id"]
    given: dict[str, Any] = {
        "judge_url": f"{engine.url}/v1",
        "judge_model": model,
        "judge_seconds": 300,
        "timeout_seconds": 600,
        "judge_max_tokens": 1500,
        "judge_golden_minutes": 0,  # a model of random weights knows no verdict
        "cache_bytes": 0,
    }
    with TestClient(build_app(VerifierSettings(**(given | settings)))) as client:
        assert client.get("/readyz").status_code == 200
        reply = client.post("/verify", json={"samples": samples})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["results"])


def write_short_form(directory: Path) -> Path:
    """A prompts folder whose form has a reason of at most 60 characters."""
    form = {
        "schema": {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "maxLength": 60},
                "verdict": {"type": "string", "enum": ["met", "violated"]},
            },
            "required": ["reason", "verdict"],
            "additionalProperties": False,
        },
        "verdict": "verdict",
        "reason": "reason",
        "met": ["met"],
        "violated": ["violated"],
    }
    (directory / "form.json").write_text(json.dumps(form), encoding="utf-8")
    return directory


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return write_short_form(tmp_path)


@pytest.mark.timeout(600)
def test_verdicts_come_through_the_grammar_and_are_the_same_again(engine: EngineProcess, short: Path) -> None:
    first = verify(engine, SAMPLES, judge_prompts=short)
    assert [r["status"] for r in first] == ["ok"] * 3, first
    assert all(isinstance(r["passed"], bool) and r["constraints"][0]["source"] == "judge" for r in first)
    assert verify(engine, SAMPLES, judge_prompts=short) == first


@pytest.mark.timeout(600)
def test_our_own_form_gives_a_verdict_or_none(engine: EngineProcess) -> None:
    for mode in ("verdict", "paper"):
        results = verify(engine, SAMPLES, judge_mode=mode, judge_max_tokens=60)
        assert all(r["status"] in ("ok", "unparseable") for r in results), results
        assert all((r["passed"] is None) == (r["status"] == "unparseable") for r in results)


@pytest.mark.timeout(600)
def test_votes_thinking_and_omitted_sampling_are_taken_by_the_engine(engine: EngineProcess, short: Path) -> None:
    """Neither the switch of the chat template nor a missing seed is an error to it."""
    sampling: dict[str, Any] = {"judge_seed": "omit", "judge_temperature": 0.7, "judge_extra_body": {"top_k": 20}}
    results = verify(engine, SAMPLES, judge_prompts=short, judge_votes=3, judge_thinking="off", **sampling)
    assert [r["status"] for r in results] == ["ok"] * 3, results
    assert all("of 3 votes" in r["constraints"][0]["reason"] for r in results)


@pytest.mark.timeout(600)
def test_a_model_that_says_neither_yes_nor_no_gives_no_verdict(engine: EngineProcess) -> None:
    results = verify(engine, SAMPLES[:1], judge_mode="yes_no")
    assert [(r["status"], r["passed"]) for r in results] == [("unparseable", None)]


@pytest.mark.timeout(600)
def test_constraints_are_read_out_of_a_prompt_through_the_grammar(engine: EngineProcess) -> None:
    sample = {
        "id": "a",
        "prompt": "Write of autumn without commas.",
        "response": "Leaves, leaves.",
        "constraints": None,
    }
    (result,) = verify(engine, [sample], judge_split_max_tokens=400)
    assert result["status"] in ("ok", "unparseable", "unverifiable"), result
    assert result["passed"] is None or result["constraints"]
