"""`rlmr constraints coverage`: what of a benchmark's requirements the checkers can express, by annotations."""

from collections import Counter
from pathlib import Path

import typer


def coverage(
    annotations: Path = typer.Argument(help="YAML of annotated queries (docs/verifier.md)."),
    checkers: bool = typer.Option(False, help="Also print how often each checker is named."),
) -> None:
    """How many requirements the rule checkers express exactly, roughly or not; and how many are for a judge.

    Every named checker is looked up and its kwargs are checked. Exit code 0: counted, 2: the annotations cannot be read.
    """
    from services.verifier.accuracy.coverage import read_annotations, shares

    queries = read_annotations(annotations)
    typer.echo(f"{'':<16}{'queries':>8}{'hard':>6}{'exactly':>15}{'roughly':>15}{'not':>15}{'for a judge':>13}")
    for name, share in shares(queries).items():
        parts = [_of(share.counts[by], share.hard) for by in ("exactly", "roughly", "not")]
        typer.echo(
            f"{name:<16}{share.queries:>8}{share.hard:>6}{''.join(f'{p:>15}' for p in parts)}{share.counts['judge']:>13}"
        )
    if checkers:
        found = Counter(r.checker for q in queries for r in q.requirements if r.checker)
        for id, count in found.most_common():
            typer.echo(f"{count:>4}  {id}")


def _of(count: int, all: int) -> str:
    return f"{count} ({count / all:.0%})" if all else "0"
