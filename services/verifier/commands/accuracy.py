"""`rlmr constraints eval`: the rule checkers against labelled texts."""

import json
from pathlib import Path

import typer

_HEAD = ("texts", "obeyed", "violated", "precision [95 %]", "recall [95 %]")


def evaluate(
    labels: list[Path] = typer.Argument(help="Files or folders of labelled texts, .yaml or .jsonl (docs/verifier.md)."),
    family: str = typer.Option("", help="Only checkers whose id begins with this."),
    errors: bool = typer.Option(False, help="Also print every wrong verdict."),
    output: Path | None = typer.Option(None, help="Write the table as JSON."),
    least_precision: float = typer.Option(0.0, min=0, max=1, help="Exit with 1 if a checker's is lower."),
) -> None:
    """Precision and recall of violations, by checker, language and kind of text.

    Precision: of the texts that the rules call violating, how many are. Recall: of the violating texts, how many the rules find.

    Exit code 0: measured, 1: a checker is below --least-precision, 2: the labels cannot be read.
    """
    from rlmr.mistake import Mistake
    from services.verifier.accuracy.labelled import read_labels
    from services.verifier.accuracy.measure import outcomes, tallies
    from services.verifier.constraints import registry

    found = outcomes([label for label in read_labels(labels) if label.checker.startswith(family)])
    if not found:
        raise Mistake(f"no label for a checker that begins with {family!r}")
    tables = {
        "checker": tallies(found, lambda label: label.checker),
        "language": tallies(found, lambda label: label.row.language),
        "kind": tallies(found, lambda label: label.row.kind),
        "all": tallies(found, lambda label: "all"),
    }
    unsure = {name for name in tables["checker"] if registry[name].unsure}
    width = max(len(name) + 9 * (name in unsure) for table in tables.values() for name in table)
    typer.echo(f"{'':<{width}} " + " ".join(f"{h:>19}" if "[" in h else f"{h:>8}" for h in _HEAD))
    for table in tables.values():
        for name, tally in table.items():
            obeyed, violated = tally.true_passes + tally.false_violations, tally.recall.of
            counts = f"{len(tally.texts):>8} {obeyed:>8} {violated:>8}"
            shown = f"{name} (unsure)" if name in unsure else name
            typer.echo(f"{shown:<{width}} {counts} {tally.precision!s:>19} {tally.recall!s:>19}")
        typer.echo("")
    if errors:
        for outcome in found:
            if outcome.wrong:
                said = "violated" if outcome.violated else "passed"
                label = outcome.label
                typer.echo(
                    f"{label.where}: {label.checker} {json.dumps(label.kwargs, ensure_ascii=False)}: {said}, wrongly"
                )
                typer.echo(f"    {outcome.reason}\n    {label.row.why}: {label.text[:100]!r}")
    if output is not None:
        output.write_text(
            json.dumps(
                {
                    by: {n: {"precision": t.precision.value, "recall": t.recall.value} for n, t in table.items()}
                    for by, table in tables.items()
                },
                indent=1,
            )
            + "\n",
            encoding="utf-8",
        )
    low = [
        n for n, t in tables["checker"].items() if t.precision.value is not None and t.precision.value < least_precision
    ]
    if low:
        typer.echo(f"below a precision of {least_precision:g}: {', '.join(low)}", err=True)
        raise typer.Exit(1)
