"""`rlmr compare`: finished runs side by side."""

from pathlib import Path

import typer


def compare(
    runs: list[Path] = typer.Argument(help="Folders of finished runs (runs/<name>)."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print a Markdown table."),
) -> None:
    """Show the summaries of several runs side by side: strategies, seeds, settings."""
    from rich.console import Console
    from rich.table import Table

    from trainer.reports.compare import COLUMNS, markdown, rows

    console = Console()
    table = rows(runs)
    if as_markdown:
        typer.echo(markdown(table))
        return
    drawn = Table(*COLUMNS)
    for row in table:
        drawn.add_row(*row)
    console.print(drawn)
