"""`rlmr watch`: a run while it trains."""

from pathlib import Path

import typer


def watch(
    run: Path = typer.Argument(help="The run's folder, runs/<name>; may be on another machine's shared disk."),
    once: bool = typer.Option(False, "--once", help="Print what there is and stop."),
    seconds: float = typer.Option(2.0, min=0.1, help="Between looks."),
) -> None:
    """Curves, what was dropped and why, and the newest group with its verdicts. Reads only; training notices nothing."""
    import time

    from rich.console import Console
    from rich.live import Live

    from trainer.run.ledger import Ledger
    from trainer.run.watching import view

    console = Console()
    if not (run / "ledger").is_dir():
        console.print(
            f"[red]error:[/red] {run} has no ledger: give the folder of a run that trains (runs/<name>)",
            highlight=False,
        )
        raise typer.Exit(1)
    ledger = Ledger(run).refresh()
    if once:
        console.print(view(ledger, console.width))
        return
    with Live(view(ledger, console.width), console=console, auto_refresh=False, screen=False) as live:
        while True:
            try:
                time.sleep(seconds)
            except KeyboardInterrupt:
                return
            live.update(view(ledger.refresh(), console.width), refresh=True)
