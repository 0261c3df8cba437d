"""`rlmr compare`: finished runs side by side."""

from pathlib import Path

import typer


def compare(
    runs: list[Path] = typer.Argument(help="Folders of finished runs (runs/<name>)."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print a Markdown table."),
) -> None:
    """Show the summaries of several runs side by side: strategies, seeds, settings."""
    from rich.console import Console

    from trainer.commands.tables import print_table
    from trainer.reports.compare import COLUMNS, markdown, rows

    table = rows(runs)
    if as_markdown:
        typer.echo(markdown(table))
        return
    print_table(Console(), COLUMNS, table)
