"""`rlmr study`: many runs by a plan, and the page that compares them."""

from pathlib import Path

import typer

from trainer.commands.resumable import resumable


def study(
    plan: str = typer.Argument(
        help="PLAN.yaml (docs/results/plan.yaml is ours), or `report`: write the page of a plan's results."
    ),
    of: Path = typer.Argument(Path("docs/results/plan.yaml"), help="With `report`: the plan.", metavar="[PLAN.yaml]"),
    results: Path | None = typer.Option(None, help="Where the runs' files are kept. Default: the plan's folder."),
    work: Path = typer.Option(Path("runs/study"), help="Where a run's folder stands while it is made."),
    only: str | None = typer.Option(None, help="Make this run and no other."),
    show: bool = typer.Option(False, "--list", help="List the runs, and which are finished, and stop."),
    submit: str | None = typer.Option(
        None,
        help="Instead of making them here, give each missing run to this command, e.g. 'ray job submit --no-wait --'.",
    ),
) -> None:
    """Make the runs of a plan that are missing, one after the other. Stop it whenever: finished runs are kept."""
    import shlex
    import signal
    import subprocess
    import sys

    from rich.console import Console

    from trainer.commands.quiet import quiet_libraries
    from trainer.study.page import write_page
    from trainer.study.plan import PlanError, planned_runs, read_plan
    from trainer.study.runner import make_missing, missing, path_of

    quiet_libraries()
    # As Ctrl-C does: run every `finally`, so that no service and no Ray cluster is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console, path = Console(), of if plan == "report" else Path(plan)
    folder = results or path.parent
    if plan == "report":
        page, found = write_page(read_plan(path), folder)
        console.print(f"{found['finished']} of {found['planned']} runs: {page}", highlight=False, soft_wrap=True)
        return
    runs = planned_runs(read_plan(path))
    if only is not None:
        runs = [r for r in runs if r.id == only]
        if not runs:
            raise PlanError(f"{path}: no run is called {only}; --list shows them")
    if show:
        for r in runs:
            typer.echo(f"{'done' if path_of(r, folder).is_file() else '-':<5} {r.id}")
    elif submit is not None:
        for r in missing(runs, folder):
            own = ["rlmr", "study", str(path), "--results", str(folder), "--work", str(work), "--only", r.id]
            subprocess.run([*shlex.split(submit), *own], check=True)
    else:
        with resumable(f"finished runs are in {folder}"):
            make_missing(runs, folder, work, console)
