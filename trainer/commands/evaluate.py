"""`rlmr eval`: a model, or responses that are there, on a benchmark; comparisons."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlmr.mistake import Mistake
from trainer.commands.evaluate_options import end_if_unanswered, pairs, progress, sampling_of, typed
from trainer.commands.evaluate_pairwise import pairwise
from trainer.commands.evaluate_runs import runs
from trainer.commands.evaluate_texts import texts
from trainer.commands.resumable import resumable
from trainer.evaluation.registry import load, names

if TYPE_CHECKING:
    from trainer.evaluation.answering import Source
    from trainer.evaluation.benchmark import Benchmark

SHOWN = 40
"""Figures that are printed; the files have all."""

app = typer.Typer(name="eval", help="Evaluate a model on a benchmark.", no_args_is_help=True, add_completion=False)


def _command(name: str) -> Callable[..., None]:
    def command(
        data: Annotated[Path, typer.Option(help="The benchmark's own file, which you have; none is shipped.")],
        out: Annotated[Path, typer.Option(help="Folder of the run. The same command goes on where it was.")],
        responses: Annotated[
            Path | None, typer.Option(help="Responses made before: {key, response} or {prompt, response} a line.")
        ] = None,
        model: Annotated[str, typer.Option(help="Or: URL of an OpenAI-compatible endpoint, or a checkpoint.")] = "",
        model_name: Annotated[str, typer.Option(help="The model's name at that endpoint.")] = "",
        judge_url: Annotated[str, typer.Option(help="OpenAI-compatible endpoint of the judge.")] = "",
        judge_model: Annotated[str, typer.Option(help="The judge's name there.")] = "",
        sampling: Annotated[
            list[str], typer.Option(help="NAME=VALUE: temperature, max_tokens, top_p, ... of the answers; repeatable.")
        ] = [],  # noqa: B006 - typer copies it
        judge_sampling: Annotated[list[str], typer.Option(help="NAME=VALUE for the judge.")] = [],  # noqa: B006
        options: Annotated[
            list[str], typer.Option("--set", help="NAME=VALUE: an option of the benchmark (docs/evaluation.md).")
        ] = [],  # noqa: B006
        judge_tries: Annotated[
            int, typer.Option(min=1, help="How often a judge that samples is asked for a readable verdict.")
        ] = 3,
        attempts: Annotated[int, typer.Option(min=1, help="Attempts of a call that fails.")] = 6,
        at_once: Annotated[int, typer.Option(min=1, help="Calls at a time.")] = 8,
        limit: Annotated[int | None, typer.Option(min=1, help="Only the first prompts.")] = None,
        key_env: Annotated[str, typer.Option(help="Variable with the endpoint's key.")] = "OPENAI_API_KEY",
        judge_key_env: Annotated[str, typer.Option(help="Variable with the judge's key.")] = "OPENAI_API_KEY",
    ) -> None:
        from trainer.evaluation.asking import EndpointGone, Model
        from trainer.evaluation.evaluating import Plan, chosen_options, evaluate

        if (responses is None) == (not model):
            raise Mistake("give either --responses FILE, or --model URL_OR_DIR")
        benchmark = load(name)
        chosen = chosen_options(benchmark, pairs(options, "--set"))
        asked = sampling_of(judge_sampling, "--judge-sampling", benchmark.judge_sampling)
        if benchmark.judged and not (judge_url and judge_model):
            raise Mistake(f"{name} asks a judge: give --judge-url and --judge-model")
        judge = Model(judge_url, judge_model, asked, judge_key_env, attempts) if benchmark.judged else None
        answers = sampling_of(sampling, "--sampling", benchmark.sampling)
        source = _source(
            benchmark, responses, model, model_name, answers, key_env, attempts, at_once, limit is not None
        )
        # At temperature 0 the same question has the same answer.
        tries = judge_tries if asked["temperature"] else 1
        plan = Plan(benchmark, data, chosen, source, judge, tries, at_once, limit)
        with resumable(f"what was answered is in {out}", EndpointGone):
            outcome = evaluate(plan, out, progress, typed())
        _print(outcome.results, out)
        end_if_unanswered(outcome.refused, outcome.why)

    return command


def _source(
    benchmark: "Benchmark",
    responses: Path | None,
    model: str,
    model_name: str,
    sampling: dict[str, Any],
    key_env: str,
    attempts: int,
    at_once: int,
    some: bool,
) -> "Source":
    from trainer.evaluation.answering import FromEndpoint, FromFile, InProcess
    from trainer.evaluation.asking import Model

    if responses is not None:
        return FromFile(responses, benchmark, some)
    if model.startswith(("http://", "https://")):
        if not model_name:
            raise Mistake("--model URL needs --model-name")
        return FromEndpoint(Model(model, model_name, sampling, key_env, attempts), at_once)
    if not Path(model).is_dir():
        raise Mistake(f"--model {model}: neither a URL nor a folder")
    if extra := sampling.keys() - {"temperature", "max_tokens", "seed"}:
        raise Mistake(f"--sampling {min(extra)}: a model in process takes temperature, max_tokens and seed")
    return InProcess(Path(model), sampling)


def _print(found: dict[str, Any], out: Path) -> None:
    from trainer.evaluation.results import counted, interval

    measures = found["measures"]
    for measure in measures[:SHOWN]:
        typer.echo(f"{measure['name']:<52} {interval(measure):>24}  {measure['units']:>5} units")
    if len(measures) > SHOWN:
        typer.echo(f"... and {len(measures) - SHOWN} more in {out}/results.md")
    typer.echo(f"{counted(found['counts'])} -> {out}/index.html, results.json, results.md")
    counts = found["counts"]
    if counts["missing"]:
        typer.echo(f"warning: {counts['missing']} prompts have no response and are not counted", err=True)
    if counts["unparseable"]:
        typer.echo(f"warning: {counts['unparseable']} verdicts could not be read and are not counted", err=True)


for _name, _line in names().items():
    app.command(_name, help=_line)(_command(_name))
app.command()(pairwise)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two or more runs; the first is compared with each.")],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json, comparison.md and index.html.")] = None,
) -> None:
    """Differences between runs of one benchmark and judge, paired by prompt, with their intervals."""
    from trainer.evaluation.comparing import compare_runs, markdown, write_comparison

    found = compare_runs(runs)
    if out:
        write_comparison(found, out)
    typer.echo(markdown(found))


@app.command()
def bundle(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run (a benchmark's or pairwise).")],
    to: Annotated[Path | None, typer.Option(help="The file; default: the folder's name with .zip.")] = None,
) -> None:
    """Pack a run for a reviewer: settings, data, prompts, responses, verdicts, commands, tables."""
    from trainer.evaluation.bundle import pack

    target = to or run.with_name(f"{run.resolve().name}.zip")
    count = pack(run, target)
    typer.echo(f"{target}: {count} files. Check it anywhere: rlmr eval verify {target.name}")


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="A file of `rlmr eval bundle`.")]) -> None:
    """Compute every verdict and table of a bundle again. Exits 1 and names what differs, if anything does."""
    from trainer.evaluation.verifying import verify as differences

    found = differences(bundle)
    for line in found:
        typer.echo(line)
    if found:
        typer.echo(f"error: {bundle}: {len(found)} differences", err=True)
        raise typer.Exit(1)
    typer.echo(f"{bundle}: every verdict and table comes out as it is in the bundle")


app.command()(texts)
app.command("runs")(runs)
