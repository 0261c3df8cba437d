"""`rlmr eval texts`: what a policy writes, before and after training."""

import json
from pathlib import Path

import typer


def texts(
    before: Path = typer.Argument(help="{prompt, response} a line (rlmr data answers), of the policy before training."),
    after: Path = typer.Argument(help="The same of the trained policy, to the same prompts."),
    strong: Path | None = typer.Option(None, help="With --weak: texts that a held-back classifier learns from."),
    weak: Path | None = typer.Option(None, help="Its other class."),
    samples: int = typer.Option(10, min=0, help="Texts side by side."),
    out: Path | None = typer.Option(None, help="Folder for texts.json and texts.md."),
) -> None:
    """A policy's texts before and after: length, diversity, a signal that training never saw, and samples side by side."""
    from trainer.data.pairs import read_answers
    from trainer.evaluation.texts import describe, held_back, side_by_side

    if (strong is None) != (weak is None):
        raise typer.BadParameter("--strong and --weak belong together")
    old, new = read_answers(before), read_answers(after)
    classifier, accuracy = held_back(read_answers(strong), read_answers(weak)) if strong and weak else (None, None)
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
