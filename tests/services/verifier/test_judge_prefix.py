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
