"""`rlmr replay`: what other strategies would have made of a run's own groups."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from trainer.replay.replaying import Replay


def replay(
    run: Path = typer.Argument(help="Folder of a finished run (runs/<name>)."),
    strategies: list[str] = typer.Option(
        [], "--strategy", help="Name, or name:param=value,param=value. Repeatable; the run's own is always first."
    ),
    rule: list[str] = typer.Option(
        [], "--filter", help="What to change of the run's filter, e.g. all_high=2.0. Repeatable."
    ),
    verifier: str | None = typer.Option(None, help="URL of a verifier that judges the stored responses anew."),
    writing_rm: str | None = typer.Option(None, help="URL of a writing reward model that scores them anew."),
    as_json: bool = typer.Option(False, "--json", help="Print every count as JSON."),
) -> None:
    """Recompute rewards, drops and OpenRLHF's advantages of a stored run under other strategies; nothing is generated, and
    nobody asked but the services that are given.

    rlmr replay runs/embedded-rlmr-seed0 --strategy linear:weight=2 --strategy rlmr_partial"""
    from rich.console import Console

    from trainer.replay.asked import filter_asked, spelled, strategy_asked
    from trainer.replay.renewing import Renewal
    from trainer.replay.replaying import replay as replay_run
    from trainer.replay.stored import read_run

    console = Console()
    stored = read_run(run)
    asked = [spelled(stored.strategy), *strategies]
    renewal = Renewal(writing_rm, verifier) if writing_rm or verifier else None
    kept = filter_asked(stored.filter, rule)
    results = replay_run(stored, [(text.rstrip(":"), strategy_asked(text)) for text in asked], kept, renewal or iter)
    if as_json:
        typer.echo(json.dumps([asdict(r) for r in results], indent=1))
        return
    console.print(_counts(results, f"{results[0].groups} groups of {run.name} ({stored.estimator})"))
    if results[0].pull_on_writing is not None:
        console.print(_pulls(results))
        console.print(PULLS, highlight=False, soft_wrap=True)
    if renewal is not None:
        console.print(renewal.told(), highlight=False, soft_wrap=True)


PULLS = (
    "to first order, what a step adds to the mean writing reward and to compliance where anyone complies; reach: how much of what a fixed "
    "weight adds, at the weight that comes nearest (docs/looking.md)"
)


def _counts(results: list["Replay"], title: str) -> "Table":
    heads = (
        "strategy",
        "trained on",
        "dropped",
        "violators > 0",
        "compliant < 0",
        "other sign",
        "groups differ",
    )
    table = _table(heads, title)
    for r in results:
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(r.dropped.items())) or "none"
        table.add_row(
            r.label,
            f"{r.groups - sum(r.dropped.values())}",
            dropped,
            _share(r.violators_above_zero, r.violators),
            _share(r.compliant_below_zero, r.compliant),
            _share(r.other_sign, r.compared),
            f"{r.other_reward}",
        )
    return table


def _pulls(results: list["Replay"]) -> "Table":
    table = _table(("strategy", "pull on writing", "pull on compliance", "reach", "like linear at"))
    for r in results:
        row = (r.pull_on_writing, "+.3f"), (r.pull_on_compliance, "+.3f"), (r.reach, ".1%"), (r.like_weight, ".2g")
        table.add_row(r.label, *("-" if value is None else format(value, form) for value, form in row))
    return table


def _table(heads: tuple[str, ...], title: str | None = None) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i == 0 or head == "dropped" else "right", overflow="fold")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
