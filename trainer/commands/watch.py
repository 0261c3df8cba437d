"""`rlmr watch`: a run while it trains."""

from pathlib import Path

import typer


def watch(
    run: Path = typer.Argument(help="The run's folder, runs/<name>; may be on another machine's shared disk."),
    once: bool = typer.Option(False, "--once", help="Print what there is and stop."),
    seconds: float = typer.Option(2.0, min=0.1, help="Between looks."),
    held_back: str | None = typer.Option(
        None,
        help="A signal that training never sees, for the alarm at the onset of reward hacking: `world` (the story world's true "
        "quality), the URL of a second writing reward model, words:STRONG,WEAK (files of answers that a word classifier learns to tell "
        "apart), or a JSONL file of {prompt_id, values} (votes). Kept in the ledger.",
    ),
    share: float = typer.Option(1.0, min=0.0, max=1.0, help="Of the groups that --held-back is asked about."),
    metrics_port: int | None = typer.Option(None, help="Serve rlmr_run_* for Prometheus on this port."),
) -> None:
    """Curves, what was dropped and why, and the newest group with its verdicts. Without --held-back it reads only; training notices
    nothing either way."""
    import time

    from rich.console import Console
    from rich.live import Live

    from rlmr.mistake import Mistake
    from trainer.onset.guarding import Guard, read_onset
    from trainer.onset.metrics import RunMetrics
    from trainer.onset.sources import source_of
    from trainer.run.ledger import Ledger
    from trainer.run.watching import view

    console = Console()
    if not (run / "ledger").is_dir():
        raise Mistake(f"{run} has no ledger: give the folder of a run that trains (runs/<name>)")
    ledger = Ledger(run).refresh()
    try:
        guard = Guard(ledger, source_of(held_back), share=share) if held_back is not None else None
        metrics = RunMetrics() if metrics_port is not None else None
        if metrics is not None and metrics_port is not None:
            console.print(f"metrics on port {metrics.serve(metrics_port)}", highlight=False)

        def look() -> None:
            ledger.refresh()
            if guard is not None:
                guard.look()
            if metrics is not None:
                metrics.update(ledger, read_onset(run))

        look()
        if once:
            console.print(view(ledger, console.width))
            return
        with Live(view(ledger, console.width), console=console, auto_refresh=False, screen=False) as live:
            while True:
                time.sleep(seconds)
                look()
                live.update(view(ledger, console.width), refresh=True)
    except KeyboardInterrupt:
        return
