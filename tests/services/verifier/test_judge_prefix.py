"""What the judge's prompts share, counted with a real tokenizer."""

import pytest

from trainer.models import smollm2


def test_five_constraints_on_one_response_cost_little_more_than_one() -> None:
    folder = smollm2.cached()
    if not (folder / "tokenizer.json").is_file():
        pytest.skip(f"no tokenizer in {folder}: `rlmr models get smollm2` puts it there")
    transformers = pytest.importorskip("transformers")
    from benchmarks.verifier.judge_prefix import count

    found = count(transformers.AutoTokenizer.from_pretrained(str(folder)), tokens=2000)
    last, first = found["requirement last"], found["requirement first"]
    assert last["sent"] == first["sent"] > 12_000
    assert last["computed"] < 3_000
    assert first["computed"] > 11_000


def test_what_the_small_endpoint_keeps_of_a_prompt_does_not_change_the_next() -> None:
    folder = smollm2.cached()
    if not (folder / "model.safetensors").is_file():
        pytest.skip(f"no model in {folder}: `rlmr models get smollm2` puts it there")
    pytest.importorskip("transformers")
    from benchmarks.verifier.transformers_judge import OneToken

    def messages(question: str) -> list[dict[str, str]]:
        return [
            {"role": "system", "content": "Answer with one word, yes or no."},
            {"role": "user", "content": question},
        ]

    model = OneToken(folder)
    alone, tokens, cached = model.next(messages("Is fire hot?"), 5)
    assert cached == 0
    _, _, cached = model.next(messages("Is fire cold, and is it made of water?"), 5)
    assert 10 < cached < tokens
    again, _, _ = model.next(messages("Is fire hot?"), 5)
    assert [t["token"] for t in again] == [t["token"] for t in alone]
    assert [t["logprob"] for t in again] == pytest.approx([t["logprob"] for t in alone], abs=1e-3)
