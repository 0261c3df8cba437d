"""`rlmr eval runs`: what runs of `rlmr train` made of their policy, in one table."""

import json
from pathlib import Path

import typer


def runs(
    folders: list[Path] = typer.Argument(
        None, help="Finished runs (runs/<name>); none: the table of what is in --out."
    ),
    out: Path = typer.Option(help="Folder for NAME.json, NAME.md (samples) and table.md of all NAME.json in it."),
    strong: Path | None = typer.Option(None, help="With --weak: texts that a held-back classifier learns from."),
    weak: Path | None = typer.Option(None, help="Its other class."),
    samples: int = typer.Option(10, min=0, help="Texts side by side."),
) -> None:
    """Compliance (floors and ceilings apart), writing score, length, diversity, a held-back signal and samples, before and after."""
    from trainer.data.pairs import read_answers
    from trainer.data.rows import DataFileError, write_text
    from trainer.evaluation.run_texts import describe_run, evaluation, table
    from trainer.evaluation.texts import held_back, side_by_side

    if (strong is None) != (weak is None):
        raise typer.BadParameter("--strong and --weak belong together")
    try:
        classifier, accuracy = held_back(read_answers(strong), read_answers(weak)) if strong and weak else (None, None)
        out.mkdir(parents=True, exist_ok=True)
        for run in folders or []:
            found = describe_run(run, classifier) | {"classifier_accuracy": accuracy}
            write_text(out / f"{run.name}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            write_text(
                out / f"{run.name}.md", side_by_side(evaluation(run, "before"), evaluation(run, "after"), samples)
            )
        kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]
        if not kept:
            raise DataFileError(f"{out}: it holds no run yet: name some")
    except DataFileError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    write_text(out / "table.md", table(kept))
    typer.echo((out / "table.md").read_text(encoding="utf-8"), nl=False)
