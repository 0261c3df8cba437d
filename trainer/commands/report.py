"""`rlmr report`: a run's page again, from what stands in its folder."""

from pathlib import Path

import typer


def report(run: Path = typer.Argument(help="Folder of a finished run (runs/<name>).")) -> None:
    """Write report.html anew: after `rlmr watch --held-back` has measured a signal, or for a run of an older version."""
    from rich.console import Console

    from trainer.reports.page import write_report
    from trainer.run.ledger import Ledger

    console = Console()
    path = write_report(run, Ledger(run).refresh())
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
