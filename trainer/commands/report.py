"""`rlmr report`: a run's page again, from what stands in its folder."""

from pathlib import Path

import typer


def report(run: Path = typer.Argument(help="Folder of a finished run (runs/<name>).")) -> None:
    """Write report.html anew: after `rlmr watch --held-back` has measured a signal, or for a run of an older version."""
    from rich.console import Console

    from trainer.reports.compare import NoSummary
    from trainer.reports.page import write_report
    from trainer.run.ledger import Ledger

    console = Console()
    try:
        path = write_report(run, Ledger(run).refresh())
    except NoSummary as exc:
        console.print(f"[red]error:[/red] {exc}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from exc
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
