"""`rlmr eval pairwise`: a judge compares responses of several models, both orders."""

import re
from pathlib import Path
from typing import Annotated

import typer

from rlmr.mistake import Mistake
from trainer.commands.evaluate_options import end_if_unanswered, pairs, progress, sampling_of, typed
from trainer.commands.resumable import resumable


def pairwise(
    data: Annotated[Path, typer.Option(help="Prompts: {key, prompt} a line.")],
    responses: Annotated[list[str], typer.Option(help="NAME=FILE with {key, response} a line; two or more.")],
    judge_url: Annotated[str, typer.Option(help="OpenAI-compatible endpoint of the judge.")],
    judge_model: Annotated[str, typer.Option(help="The judge's name there.")],
    out: Annotated[Path, typer.Option(help="Folder of the run. The same command goes on where it was.")],
    prompt: Annotated[str, typer.Option(help="The judge's prompt, with {prompt}, {a}, {b}; default: our own.")] = "",
    judge_sampling: Annotated[list[str], typer.Option(help="NAME=VALUE: temperature, max_tokens, ...")] = [],  # noqa: B006
    judge_tries: Annotated[int, typer.Option(min=1, help="How often a judge that samples is asked again.")] = 3,
    attempts: Annotated[int, typer.Option(min=1, help="Attempts of a call that fails.")] = 6,
    at_once: Annotated[int, typer.Option(min=1, help="Calls at a time.")] = 8,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first prompts.")] = None,
    judge_key_env: Annotated[str, typer.Option(help="Variable with the judge's key.")] = "OPENAI_API_KEY",
) -> None:
    """Win rates (also at equal length), position bias and a Bradley-Terry ranking by a judge that sees each pair in both orders."""
    from trainer.evaluation.asking import EndpointGone, Model
    from trainer.evaluation.pairwise import Plan, evaluate
    from trainer.evaluation.pairwise_page import markdown, write_results

    named = pairs(responses, "--responses")
    strange = [name for name in named if not re.fullmatch(r"[\w.-]+", name)]
    if strange or len(named) != len(responses):
        raise Mistake("--responses NAME=FILE: different names of letters, digits, '.', '_', '-' are needed")
    asked = sampling_of(judge_sampling, "--judge-sampling", {"temperature": 0.0, "max_tokens": 1024})
    judge = Model(judge_url, judge_model, asked, judge_key_env, attempts)
    files = {name: Path(path) for name, path in named.items()}
    plan = Plan(data, files, judge, prompt, judge_tries if asked["temperature"] else 1, at_once, limit)
    with resumable(f"what was answered is in {out}", EndpointGone):
        found, refused, why = evaluate(plan, out, progress, typed())
    write_results(found, out)
    typer.echo(markdown(found))
    end_if_unanswered(refused, why)
