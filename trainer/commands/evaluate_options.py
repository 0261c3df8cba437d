"""What the commands of `rlmr eval` share: NAME=VALUE options, progress, how they end."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from rlmr.mistake import Mistake


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    wrong = [part for part in given if "=" not in part]
    if wrong:
        raise Mistake(f"{option} {wrong[0]}: NAME=VALUE is needed")
    return dict(part.partition("=")[::2] for part in given)


def sampling_of(given: Sequence[str], option: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Values are JSON (0.7, true, "text"); what is none is text."""

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return text

    for name in ("messages", "model", "n", "stream"):
        if any(part.startswith(f"{name}=") for part in given):
            raise Mistake(f"{option} {name}: is not a parameter of sampling")
    found = {**defaults, **{name: value(text) for name, text in pairs(given, option).items()}}
    for name, kind in (("temperature", (int, float)), ("max_tokens", int)):
        if not isinstance(found[name], kind) or isinstance(found[name], bool) or found[name] < 0:
            raise Mistake(f"{option} {name}={found[name]}: a number of at least 0 is needed")
    return found


def typed() -> str:
    """The command as it was typed, for the record. Keys are never arguments."""
    return shlex.join(["rlmr", *sys.argv[1:]])


@contextmanager
def progress(what: str, before: int, total: int) -> Iterator[Callable[[], None]]:
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


def end_if_unanswered(refused: int, why: str) -> None:
    """Exit code 1 where calls were not answered; the same command asks them again."""
    if refused:
        typer.echo(f"error: {refused} calls were not answered, the last: {why}\nRun the same command again.", err=True)
        raise typer.Exit(1)
