"""Answers of a model to prompts, as rows {prompt, response}: one side of a pair, or what a judge compares."""

from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json_lines
from trainer.data.rows import PairRow, parsed
from trainer.evaluation.sample import sample

ENGINES = ("transformers", "vllm")


def answer(
    prompts: Path, model: str, samples: int, temperature: float, max_new_tokens: int, seed: int, engine: str
) -> list[dict[str, Any]]:
    """`samples` rows a prompt; empty answers are left out. Raises Mistake."""
    asked: dict[str, PairRow] = {}
    for where, value in read_json_lines(prompts):
        given = {"prompt": value.get("prompt", value.get("input")), "chosen": "-", "rejected": "-"}
        given |= {name: value.get(name) for name in ("language", "domain")}
        row = parsed(where, given, PairRow)
        asked.setdefault(str(row.prompt), row)
    if not asked:
        raise Mistake(f"{prompts}: no rows in the file")
    rows = list(asked.values())
    drawn = sample(
        model,
        [[message.model_dump() for message in row.prompt] for row in rows],
        samples=samples,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        seed=seed,
        engine=engine,
    )
    return [
        {
            **row.model_dump(mode="json", include={"prompt", "language", "domain"}),
            "response": text,
            "provenance": {"source": "sampled", "model": Path(model).name, "sample": i},
        }
        for row, sampled in zip(rows, drawn, strict=True)
        for i, text in enumerate(sampled.responses)
        if text.strip()
    ]
