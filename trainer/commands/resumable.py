"""Long commands that go on where they were: how they end in the middle."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from rlmr.mistake import Mistake


@contextmanager
def resumable(kept: str, *failures: type[Exception]) -> Iterator[None]:
    """On Ctrl-C and on `failures` the error ends with what is kept (`kept`, a sentence without its end): exit codes 130 and 2."""
    told = f"{kept}: the same command goes on from there"
    try:
        yield
    except failures as exc:
        raise Mistake(f"{exc}\n{told}") from exc
    except KeyboardInterrupt:
        typer.echo(f"error: interrupted\n{told}", err=True)
        raise typer.Exit(130) from None
