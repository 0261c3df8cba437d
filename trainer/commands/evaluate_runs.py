"""`rlmr eval runs`: what runs of `rlmr train` made of their policy, in one table."""

import json
from pathlib import Path

import typer

from rlmr.mistake import Mistake, read_json


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
    from trainer.data.rows import write_text
    from trainer.evaluation.run_texts import answers, describe_run, evaluations, table
    from trainer.evaluation.texts import held_back, side_by_side

    if (strong is None) != (weak is None):
        raise typer.BadParameter("--strong and --weak belong together")
    classifier, accuracy = held_back(read_answers(strong), read_answers(weak)) if strong and weak else (None, None)
    out.mkdir(parents=True, exist_ok=True)
    for run in folders or []:
        before, after = evaluations(run)
        found = describe_run(run, before, after, classifier) | {"classifier_accuracy": accuracy}
        write_text(out / f"{run.name}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        write_text(out / f"{run.name}.md", side_by_side(answers(before), answers(after), samples))
    kept = {path: read_json(path, dict) for path in sorted(out.glob("*.json"))}
    if not kept:
        raise Mistake(f"{out}: it holds no run yet: name some")
    if strange := [path for path, found in kept.items() if not {"run", "figures", "texts"} <= found.keys()]:
        raise Mistake(f"{strange[0]}: not written by `rlmr eval runs`: move it away, or name another --out")
    shown = table(list(kept.values()))
    write_text(out / "table.md", shown)
    typer.echo(shown, nl=False)
