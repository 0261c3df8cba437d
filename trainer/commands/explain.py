"""`rlmr explain`: one group of a run as a picture."""

from pathlib import Path

import typer

OTHERS = ["quality_only", "verify_only", "linear", "rlmr_decoupled", "rlmr_partial"]


def explain(
    run: Path = typer.Argument(help="Folder of a finished run (runs/<name>)."),
    group: str = typer.Argument(
        help="Number of the group, from 1, or its prompt's id (ID@STEP where drawn more than once)."
    ),
    strategies: list[str] = typer.Option(
        OTHERS, "--strategy", help="To compare with: name, or name:param=value,param=value. Repeatable."
    ),
) -> None:
    """Show one group: what was asked, each response with its writing reward, what it violates, and the advantage that it got and
    would have got under other strategies."""
    from rich.console import Console

    from services.aggregator.mixing import GroupFilter
    from trainer.replay.asked import strategy_asked
    from trainer.replay.explaining import explain as explain_group
    from trainer.replay.explaining import find
    from trainer.replay.picture import draw
    from trainer.replay.stored import read_run

    console = Console()
    stored = read_run(run)
    asked = [(text, strategy_asked(text)) for text in strategies]
    explained = explain_group(stored, find(stored, group), asked, GroupFilter(**stored.filter))
    draw(explained, stored.estimator, console)
