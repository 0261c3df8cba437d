"""`rlmr replay`: what other strategies would have made of a run's own groups."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from trainer.replay.replaying import Replay


def replay(
    run: Path = typer.Argument(help="Folder of a finished run (runs/<name>)."),
    strategies: list[str] = typer.Option(
        [], "--strategy", help="Name, or name:param=value,param=value. Repeatable; the run's own is always first."
    ),
    rule: list[str] = typer.Option(
        [], "--filter", help="What to change of the run's filter, e.g. all_high=2.0. Repeatable."
    ),
    estimator: str = typer.Option("", help="group_norm, dr_grpo or rloo, instead of the run's."),
    verifier: str | None = typer.Option(None, help="URL of a verifier that judges the stored responses anew."),
    writing_rm: str | None = typer.Option(None, help="URL of a writing reward model that scores them anew."),
    as_json: bool = typer.Option(False, "--json", help="Print every count as JSON."),
) -> None:
    """Recompute rewards, drops and OpenRLHF's advantages of a stored run under other strategies; nothing is generated, and
    nobody asked but the services that are given.

    rlmr replay runs/embedded-rlmr-seed0 --strategy linear:weight=2 --strategy rlmr_partial"""
    from rich.console import Console

    from trainer.commands.tables import print_table
    from trainer.replay.asked import filter_asked, spelled, strategy_asked
    from trainer.replay.renewing import Renewal
    from trainer.replay.replaying import replay as replay_run
    from trainer.replay.stored import read_run

    console = Console()
    stored = read_run(run)
    if estimator:
        stored = replace(stored, estimator=estimator)
    asked = [spelled(stored.strategy), *strategies]
    renewal = Renewal(writing_rm, verifier) if writing_rm or verifier else None
    kept = filter_asked(stored.filter, rule)
    bound = [(text.rstrip(":"), strategy_asked(text)) for text in asked]
    results = replay_run(stored, bound, kept, renewal or iter)
    if as_json:
        typer.echo(json.dumps([asdict(r) for r in results], indent=1))
        return
    title = f"{results[0].groups} groups of {run.name} ({stored.estimator})"
    print_table(console, COUNTS, _counts(results), title)
    if results[0].pull_on_writing is not None:
        print_table(console, PULLS, _pulls(results))
        console.print(OF_PULLS, highlight=False)
    if renewal is not None:
        console.print(renewal.told(), highlight=False, soft_wrap=True)


COUNTS = ("strategy", "trained on", "dropped", "violators > 0", "compliant < 0", "other sign", "groups differ")
PULLS = ("strategy", "pull on writing", "pull on compliance", "reach", "like linear at")
OF_PULLS = (
    "to first order, what a step of one length adds to the mean writing reward and to compliance where anyone complies; reach: how much of "
    "the most that any advantages could add, which is what a fixed weight adds under dr_grpo (docs/strategies.md)"
)


def _counts(results: list["Replay"]) -> list[tuple[str, ...]]:
    return [
        (
            r.label,
            f"{r.groups - sum(r.dropped.values())}",
            "\n".join(f"{count} {reason}" for reason, count in sorted(r.dropped.items())) or "none",
            _share(r.violators_above_zero, r.violators),
            _share(r.compliant_below_zero, r.compliant),
            _share(r.other_sign, r.compared),
            f"{r.other_reward}",
        )
        for r in results
    ]


def _pulls(results: list["Replay"]) -> list[tuple[str, ...]]:
    def row(r: "Replay") -> tuple[str, ...]:
        told = (r.pull_on_writing, "+.3f"), (r.pull_on_compliance, "+.3f"), (r.reach, ".1%")
        weight = (
            "-"
            if r.reach is None
            else "compliance alone"
            if r.like_weight is None
            else f"{round(r.like_weight, 4):.2g}"
        )
        return (r.label, *("-" if value is None else format(value, form) for value, form in told), weight)

    return [row(r) for r in results]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
