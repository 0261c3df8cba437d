"""`rlmr eval`: benchmarks on responses that were generated before."""

from pathlib import Path

import typer

app = typer.Typer(name="eval", help="Evaluate responses on a benchmark.", no_args_is_help=True, add_completion=False)

_DATA = typer.Option(help="The benchmark's own file: key, prompt, instruction_id_list, kwargs a line.")
_RESPONSES = typer.Option(help="JSONL with {key, response} or {prompt, response} a line.")
_OUTPUT = typer.Option(help="Where to write {key, strict: [...], loose: [...], reasons: [...]} a line.")


@app.command()
def ifeval(data: Path = _DATA, responses: Path = _RESPONSES, output: Path = _OUTPUT) -> None:
    """IFEval: verdict per instruction and the four accuracies."""
    _instruction_following(data, responses, output)


@app.command()
def ifbench(data: Path = _DATA, responses: Path = _RESPONSES, output: Path = _OUTPUT) -> None:
    """IFBench: verdict per instruction and the four accuracies (prompt loose is the one it reports)."""
    _instruction_following(data, responses, output)


def _instruction_following(data: Path, responses: Path, output: Path) -> None:
    from services import PluginError

    try:
        from trainer.evaluation.instruction_following import DataError, by_instruction, evaluate_files
    except PluginError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    try:
        result, outcomes, missing = evaluate_files(data, responses, output)
    except DataError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for name in ("prompt_strict", "prompt_loose", "instruction_strict", "instruction_loose"):
        typer.echo(f"{name:<18} {getattr(result, name):7.2%}")
    typer.echo("")
    for id, (asked, strict, loose) in by_instruction(outcomes).items():
        typer.echo(f"{id:<48} {asked:>4} asked  {strict / asked:7.2%} strict  {loose / asked:7.2%} loose")
    typer.echo(f"{result.prompts} prompts, {result.instructions} instructions -> {output}")
    if missing:
        typer.echo(f"warning: {len(missing)} prompts have no response and are not counted", err=True)
