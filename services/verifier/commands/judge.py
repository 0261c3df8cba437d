"""`rlmr judge`: what an LLM judge is worth, before a run depends on it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(name="judge", help="Measure an LLM judge.", no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Measure an LLM judge."""


@app.command("eval")
def evaluate(
    labels: list[Path] = typer.Argument(
        None, help="Labelled rows, .jsonl or .yaml (docs/verifier.md); without any, the 96 that come with rlmr."
    ),
    url: str = typer.Option("", help="OpenAI-compatible endpoint; default: the environment's."),
    model: str = typer.Option("", help="The judge's model; default: the environment's."),
    mode: str = typer.Option("", help="verdict, yes_no or paper; default: the environment's."),
    output: Path | None = typer.Option(None, help="Folder for report.json, report.md and report.html."),
    rewordings: bool = typer.Option(True, help="Also ask in other words."),
    attacks: bool = typer.Option(True, help="Also ask with attacks behind the texts."),
    least_alpha: float = typer.Option(
        -1.0, min=-1, max=1, help="Exit with 1 if the agreement with the labels is lower."
    ),
) -> None:
    """Precision and recall of violations, agreement with annotators, verdicts turned by rewording and by attacks, and the cost, of a
    judge, of rules and of both. All settings of the judge are read from the environment (RLMR_VERIFIER_JUDGE_...).

    Exit code 0: measured, 1: below --least-alpha, 2: not measured (labels, settings or endpoint).
    """
    from rlmr.mistake import Mistake
    from services.verifier.accuracy import judge_report
    from services.verifier.accuracy.judge_eval import evaluate_judge
    from services.verifier.accuracy.judge_labels import own_rows, read_judge_rows
    from services.verifier.settings import VerifierSettings

    given: dict[str, Any] = {"judge_url": url, "judge_model": model, "judge_mode": mode}
    settings = VerifierSettings.load(**{name: value for name, value in given.items() if value})
    if settings.judge_url is None:
        raise Mistake("no judge: give --url and --model, or set RLMR_VERIFIER_JUDGE_URL and RLMR_VERIFIER_JUDGE_MODEL")
    rows = read_judge_rows(labels or [own_rows()])
    found = asyncio.run(
        evaluate_judge(rows, settings, rewordings=rewordings, attacks=attacks, on_progress=_show_progress)
    )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        report = json.dumps(judge_report.as_json(found), indent=1, ensure_ascii=False) + "\n"
        (output / "report.json").write_text(report, encoding="utf-8")
        (output / "report.md").write_text(judge_report.as_markdown(found), encoding="utf-8")
        (output / "report.html").write_text(judge_report.as_html(found), encoding="utf-8")
    typer.echo(judge_report.as_markdown(found))
    if not found.systems["judge"].answered:
        raise Mistake(
            "the judge gave no verdict: look at its replies, then try another --mode or model (docs/verifier.md)"
        )
    alpha = found.systems["judge"].alpha
    if least_alpha > -1 and (alpha is None or alpha < least_alpha):
        typer.echo(f"alpha {alpha if alpha is None else round(alpha, 3)} is below {least_alpha:g}", err=True)
        raise typer.Exit(1)


def _show_progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{what}: {done} of {total}\033[K", nl=done == total, err=True)
