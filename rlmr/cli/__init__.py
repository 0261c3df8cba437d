"""The `rlmr` command. Each command's file imports what it needs inside its functions, so `rlmr --help` stays instant."""

import typer

from rlmr import __version__
from rlmr.cli import attack, compare, constraints, doctor, evaluate, rm, serve, train, world

app = typer.Typer(
    name="rlmr",
    help="RLMR: reward services and GRPO trainer for writing under constraints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("attack")(attack.attack)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("compare")(compare.compare)
app.add_typer(constraints.app)
app.add_typer(evaluate.app)
app.add_typer(rm.app)
app.add_typer(world.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rlmr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """RLMR: reward services and GRPO trainer for writing under constraints."""


def main() -> None:
    app()
