"""`rlmr chain`: from seeds to a report by a plan, stage by stage."""

from pathlib import Path

import typer

from trainer.commands.resumable import resumable


def chain(
    plan: Path = typer.Argument(help="PLAN.yaml; docs/chains/ has two (trainer/chain/plan.py tells the format)."),
    work: Path | None = typer.Option(None, help="The chain's folder. Default: runs/chain-NAME."),
    until: str | None = typer.Option(None, help="Stop after this stage."),
) -> None:
    """Make the stages whose inputs changed, one after the other; stop it whenever, the same command goes on."""
    import signal
    import sys

    from trainer.chain.plan import read_plan
    from trainer.chain.running import run_chain

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    read = read_plan(plan)
    folder = work or Path("runs") / f"chain-{read.name}"
    with resumable(f"what was made is in {folder}"):
        run_chain(read, plan.parent, folder.resolve(), typer.echo, until)
