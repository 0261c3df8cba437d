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


@app.command()
def texts(
    before: Path = typer.Argument(help="{prompt, response} a line (rlmr data answers), of the policy before training."),
    after: Path = typer.Argument(help="The same of the trained policy, to the same prompts."),
    strong: Path | None = typer.Option(None, help="With --weak: texts that a held-back classifier learns from."),
    weak: Path | None = typer.Option(None, help="Its other class."),
    samples: int = typer.Option(10, min=0, help="Texts side by side."),
    out: Path | None = typer.Option(None, help="Folder for texts.json and texts.md."),
) -> None:
    """A policy's texts before and after: length, diversity, a signal that training never saw, and samples side by side."""
    import json

    from trainer.data.pairs import read_answers
    from trainer.data.rows import DataFileError
    from trainer.evaluation.texts import describe, held_back, side_by_side

    if (strong is None) != (weak is None):
        raise typer.BadParameter("--strong and --weak belong together")
    try:
        old, new = read_answers(before), read_answers(after)
        classifier, accuracy = held_back(read_answers(strong), read_answers(weak)) if strong and weak else (None, None)
    except DataFileError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    found = {name: describe(answers, classifier).as_dict() for name, answers in (("before", old), ("after", new))}
    for name in found["before"]:
        typer.echo(f"{name:<18} {_shown(found['before'][name]):>24} {_shown(found['after'][name]):>24}")
    if accuracy is not None:
        typer.echo(
            f"the held-back classifier tells strong from weak in {accuracy:.1%} of texts to prompts it never saw"
        )
    if out:
        out.mkdir(parents=True, exist_ok=True)
        content = {**found, "classifier_accuracy": accuracy}
        (out / "texts.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (out / "texts.md").write_text(side_by_side(old, new, samples), encoding="utf-8")
        typer.echo(f"{out / 'texts.md'}: {samples} texts side by side")


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)


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
