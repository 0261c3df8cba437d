"""`rlmr eval`: a model, or responses that are there, on a benchmark; comparisons."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services import PluginError
from trainer.commands.evaluate_texts import texts
from trainer.evaluation.registry import load, names

if TYPE_CHECKING:
    from trainer.evaluation.answering import Source
    from trainer.evaluation.benchmark import Benchmark

app = typer.Typer(name="eval", help="Evaluate a model on a benchmark.", no_args_is_help=True, add_completion=False)


def _failed(why: object, code: int = 2) -> typer.Exit:
    typer.echo(f"error: {why}", err=True)
    return typer.Exit(code)


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = dict(part.partition("=")[::2] for part in given)
    wrong = [part for part in given if "=" not in part]
    if wrong:
        raise _failed(f"{option} {wrong[0]}: NAME=VALUE is needed")
    return pairs


def _sampling(given: Sequence[str], option: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Values are JSON (0.7, true, "text"); what is none is text."""

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return text

    found = {**defaults, **{name: value(text) for name, text in _pairs(given, option).items()}}
    for name, kind in (("temperature", (int, float)), ("max_tokens", int)):
        if not isinstance(found[name], kind) or isinstance(found[name], bool) or found[name] < 0:
            raise _failed(f"{option} {name}={found[name]}: a number of at least 0 is needed")
    return found


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
        from trainer.data.rows import DataFileError
        from trainer.evaluation.asking import EndpointGone, Model
        from trainer.evaluation.evaluating import Plan, chosen_options, evaluate

        if (responses is None) == (not model):
            raise _failed("give either --responses FILE, or --model URL_OR_DIR")
        try:
            benchmark = load(name)
            chosen = chosen_options(benchmark, _pairs(options, "--set"))
            asked = _sampling(judge_sampling, "--judge-sampling", benchmark.judge_sampling)
            if benchmark.judged and not (judge_url and judge_model):
                raise _failed(f"{name} asks a judge: give --judge-url and --judge-model")
            judge = Model(judge_url, judge_model, asked, judge_key_env, attempts) if benchmark.judged else None
            answers = _sampling(sampling, "--sampling", benchmark.sampling)
            source = _source(benchmark, responses, model, model_name, answers, key_env, attempts, at_once)
            # At temperature 0 the same question has the same answer.
            tries = judge_tries if asked["temperature"] else 1
            plan = Plan(benchmark, data, chosen, source, judge, tries, at_once, limit)
            outcome = evaluate(plan, out, _progress)
        except (DataFileError, PluginError) as exc:
            raise _failed(exc) from exc
        except EndpointGone as exc:
            raise _failed(f"{exc}\nWhat was answered is in {out}: the same command goes on from there.", 1) from exc
        except KeyboardInterrupt:
            raise _failed(
                f"interrupted; what was answered is in {out}: the same command goes on from there.", 130
            ) from None
        _print(outcome.results, out)
        if outcome.refused:
            raise _failed(
                f"{outcome.refused} calls were not answered, the last: {outcome.why}\nRun the same command again.", 1
            )

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
) -> "Source":
    from trainer.evaluation.answering import FromEndpoint, FromFile, InProcess
    from trainer.evaluation.asking import Model

    if responses is not None:
        return FromFile(responses, benchmark)
    if model.startswith(("http://", "https://")):
        if not model_name:
            raise _failed("--model URL needs --model-name")
        return FromEndpoint(Model(model, model_name, sampling, key_env, attempts), at_once)
    if not Path(model).is_dir():
        raise _failed(f"--model {model}: neither a URL nor a folder")
    if extra := sampling.keys() - {"temperature", "max_tokens", "seed"}:
        raise _failed(f"--sampling {min(extra)}: a model in process takes temperature, max_tokens and seed")
    return InProcess(Path(model), sampling)


@contextmanager
def _progress(what: str, before: int, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, completed=before)
        yield lambda: bar.advance(task)


def _print(found: dict[str, Any], out: Path) -> None:
    from trainer.evaluation.results import counted, interval

    for measure in found["measures"]:
        typer.echo(f"{measure['name']:<52} {interval(measure):>24}  {measure['units']:>5} units")
    typer.echo(f"{counted(found['counts'])} -> {out}/index.html, results.json, results.md")
    counts = found["counts"]
    if counts["missing"]:
        typer.echo(f"warning: {counts['missing']} prompts have no response and are not counted", err=True)
    if counts["unparseable"]:
        typer.echo(f"warning: {counts['unparseable']} verdicts could not be read and are not counted", err=True)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two or more runs; the first is compared with each.")],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json, comparison.md and index.html.")] = None,
) -> None:
    """Differences between runs of one benchmark and judge, paired by prompt, with their intervals."""
    from trainer.data.rows import DataFileError
    from trainer.evaluation.comparing import compare_runs, markdown, write_comparison

    try:
        found = compare_runs(runs)
        if out:
            write_comparison(found, out)
    except DataFileError as exc:
        raise _failed(exc) from exc
    typer.echo(markdown(found))


app.command()(texts)

try:
    for _name, _line in names().items():
        app.command(_name, help=_line)(_command(_name))
except PluginError as _error:
    typer.echo(f"error: {_error}", err=True)
    raise SystemExit(2) from None
