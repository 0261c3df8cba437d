"""`rlmr constraints`: the rule checkers, without a service."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import typer

from services import PluginError
from services.verifier.commands.accuracy import evaluate
from services.verifier.commands.coverage import coverage
from services.verifier.commands.versions import diff

app = typer.Typer(
    name="constraints", help="List, explain and try the rule checkers.", no_args_is_help=True, add_completion=False
)


app.command("eval")(evaluate)
app.command("coverage")(coverage)
app.command("diff")(diff)


@app.callback()
def load() -> None:
    """List, explain and try the rule checkers."""
    try:
        import services.verifier.constraints  # noqa: F401
    except PluginError as error:
        _exit_with_error(str(error))


@app.command("list")
def list_all(family: str = typer.Argument("", help="Only ids that begin with this.")) -> None:
    """Every id, with what it checks; in brackets the package of one from outside."""
    from services.verifier.constraints import registry

    found = [c for c in sorted(registry.values(), key=lambda c: c.id) if c.id.startswith(family)]
    if not found:
        _exit_with_error(f"no id begins with {family!r}")
    width = max(len(c.id) for c in found)
    for c in found:
        typer.echo(f"{c.id:<{width}}  {c.summary}" + (f" [{c.origin}]" if c.origin else ""))


@app.command()
def show(
    id: str = typer.Argument(help="A constraint id."),
    kwargs: str = typer.Option("", help="Kwargs as JSON: prints the constraint as an instruction."),
) -> None:
    """What one constraint checks, its kwargs, and how it reads as an instruction."""
    from services.verifier.constraints import ConstraintError, prepare, registry
    from services.verifier.constraints.registry import allowed_kwargs, unknown_id, versioned

    found = registry.get(id) or versioned.get(id)
    if found is None:
        _exit_with_error(unknown_id(id))
    origin = f", from {found.origin}" if found.origin else ""
    unsure = ", unsure: a judge has the last word on a violation" if found.unsure else ""
    typer.echo(
        f"{found.id} (version {found.version}{origin}{unsure})\n{found.summary}\nkwargs: {allowed_kwargs(found)}"
    )
    if kwargs:
        try:
            typer.echo(f"instruction: {prepare(id, _json_object(kwargs)).describe()}")
        except ConstraintError as error:
            _exit_with_error(str(error))


@app.command()
def check(
    id: str = typer.Argument(help="A constraint id."),
    response: Path = typer.Argument(help="File with the response; - reads standard input.", allow_dash=True),
    kwargs: str = typer.Option("{}", help="Kwargs as JSON."),
    loose: bool = typer.Option(False, help="IFEval's loose mode."),
) -> None:
    """Check one response. Exit code 0: passed, 1: violated, 2: the constraint is wrong or the response cannot be read."""
    from services.verifier.constraints import ConstraintError
    from services.verifier.constraints import check as check_response

    raw = _read(response)
    try:
        verdict = check_response(id, _json_object(kwargs), "", raw, "loose" if loose else "strict")
    except ConstraintError as error:
        _exit_with_error(str(error))
    typer.echo(f"{'passed' if verdict.passed else 'violated'}: {verdict.reason}")
    raise typer.Exit(0 if verdict.passed else 1)


def _read(path: Path) -> str:
    """A mark of byte order at the start is no part of the text."""
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _exit_with_error(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8")
    except OSError as error:
        _exit_with_error(f"{path}: {error.strerror}")


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        _exit_with_error(f"--kwargs is not JSON: {error}")
    if not isinstance(value, dict):
        _exit_with_error("--kwargs must be a JSON object")
    return value


def _exit_with_error(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)
