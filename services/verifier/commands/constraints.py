"""`rlmr constraints`: the rule checkers, without a service."""

import sys
from pathlib import Path

import typer

from rlmr.mistake import Mistake, decoded, json_of, read_text
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
    import services.verifier.constraints  # noqa: F401


@app.command("list")
def list_all(family: str = typer.Argument("", help="Only ids that begin with this.")) -> None:
    """Every id, with what it checks; in brackets the package of one from outside."""
    from services.verifier.constraints import registry

    found = [c for c in sorted(registry.values(), key=lambda c: c.id) if c.id.startswith(family)]
    if not found:
        raise Mistake(f"no id begins with {family!r}")
    width = max(len(c.id) for c in found)
    for c in found:
        typer.echo(f"{c.id:<{width}}  {c.summary}" + (f" [{c.origin}]" if c.origin else ""))


@app.command()
def show(
    id: str = typer.Argument(help="A constraint id."),
    kwargs: str = typer.Option("", help="Kwargs as JSON: prints the constraint as an instruction."),
) -> None:
    """What one constraint checks, its kwargs, and how it reads as an instruction."""
    from services.verifier.constraints import prepare, registry
    from services.verifier.constraints.registry import allowed_kwargs, unknown_id, versioned

    found = registry.get(id) or versioned.get(id)
    if found is None:
        raise Mistake(unknown_id(id))
    origin = f", from {found.origin}" if found.origin else ""
    unsure = ", unsure: a judge has the last word on a violation" if found.unsure else ""
    typer.echo(
        f"{found.id} (version {found.version}{origin}{unsure})\n{found.summary}\nkwargs: {allowed_kwargs(found)}"
    )
    if kwargs:
        typer.echo(f"instruction: {prepare(id, json_of(kwargs, '--kwargs', dict)).describe()}")


@app.command()
def check(
    id: str = typer.Argument(help="A constraint id."),
    response: Path = typer.Argument(help="File with the response; - reads standard input.", allow_dash=True),
    kwargs: str = typer.Option("{}", help="Kwargs as JSON."),
    loose: bool = typer.Option(False, help="IFEval's loose mode."),
) -> None:
    """Check one response. Exit code 0: passed, 1: violated, 2: the constraint is wrong or the response cannot be read."""
    from services.verifier.constraints import check as check_response

    raw = decoded(sys.stdin.buffer.read(), response) if str(response) == "-" else read_text(response)
    verdict = check_response(id, json_of(kwargs, "--kwargs", dict), "", raw, "loose" if loose else "strict")
    typer.echo(f"{'passed' if verdict.passed else 'violated'}: {verdict.reason}")
    raise typer.Exit(0 if verdict.passed else 1)
