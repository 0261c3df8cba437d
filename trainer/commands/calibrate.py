"""`rlmr calibrate`: a preset's prompts and policy, looked at before training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from trainer.calibrate.calibrating import Calibration
    from trainer.calibrate.shares import Share


def calibrate(
    preset: str = typer.Option("embedded", help="As of `rlmr train`: a preset's name or the path of a YAML file."),
    changes: list[str] = typer.Option([], "--set", help="key=value, as of `rlmr train`."),
    prompts: int = typer.Option(100, min=0, help="Prompts to sample, by the preset's seed; 0 = all."),
    keep: tuple[float, float] = typer.Option(
        (0.2, 0.8), help="Lowest and highest compliance of the prompts that prompts.jsonl keeps.", metavar="LOW HIGH"
    ),
    policy_url: str | None = typer.Option(
        None, help="OpenAI-compatible endpoint that serves the policy (key: OPENAI_API_KEY). Default: in this process."
    ),
    policy_name: str | None = typer.Option(None, help="The policy's name there. Default: the preset's model."),
    verifier_url: str | None = typer.Option(None, help="The verifier. Default: ask the aggregator."),
    out: Path | None = typer.Option(None, help="Folder to write to. Default: runs/calibrate-<preset>."),
) -> None:
    """Sample a preset's policy on its prompts, ask the services, and tell what a run would meet: compliance by kind of constraint,
    dropped groups, the writing reward's spread, settings that fit, the cost of a step. Trains nothing.

    Writes calibration.html, calibration.json, prompts.jsonl (prompts of medium compliance) and responses.jsonl."""
    from rich.console import Console

    from trainer.commands.quiet import quiet_libraries

    quiet_libraries()
    from trainer.calibrate.calibrating import Asks
    from trainer.calibrate.calibrating import calibrate as run
    from trainer.run.presets import PresetError, load_preset

    console = Console()
    low, high = keep
    if not 0 <= low <= high <= 1:
        raise PresetError(f"--keep {low} {high}: give two shares between 0 and 1, the lower one first")
    chosen = load_preset(preset, changes)
    folder = out or Path("runs") / f"calibrate-{chosen.name}"
    asks = Asks(prompts, (low, high), policy_url, policy_name, verifier_url)
    found = run(chosen, asks, folder, console)
    _show(found, console, chosen.batch)
    console.print(f"report: {folder / 'calibration.html'}", highlight=False, soft_wrap=True)


def _show(found: "Calibration", console: "Console", batch: int) -> None:
    from rich.table import Table

    figures = found.figures
    title = f"{figures.groups} of {found.of} prompts, {figures.n} responses each"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)  # 80 columns
    for name in ("constraint", "samples met", "mixed groups", "never met"):
        table.add_column(name, justify="left" if name == "constraint" else "right", overflow="fold")
    for kind in figures.kinds:
        table.add_row(kind.type, _told(kind.compliance), _told(kind.mixed), f"{kind.never:.0%}")
    table.add_row()
    table.add_row("all of a prompt's", _told(figures.compliance), _told(figures.mixed), "")
    console.print(table)
    lines: list[Any] = []
    reasons = ", ".join(f"{count} {reason}" for reason, count in figures.reasons.items()) or "none"
    lines.append(f"dropped groups: {_told(figures.dropped)} ({reasons})")
    if (s := figures.spread) is not None:
        length = "none" if s.length_inside is None else f"{s.length_inside:+.2f}"
        lines.append(
            f"writing reward: spread {s.inside:.2f} inside groups, {s.between:.2f} between them; rank correlation with length {length} inside groups"
        )
    cost = figures.cost
    lines.append(
        f"a step of {batch}: {cost.groups:.1f} groups, {cost.responses:.0f} responses, {cost.tokens:.0f} tokens, {cost.reward_seconds:.1f} s of reward calls"
    )
    then = (
        "" if figures.dropped_then is None else f", {figures.dropped_then:.1%} of whose groups would be all violators"
    )
    lines.append(f"prompts.jsonl: {len(figures.kept_prompts)} prompts{then}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for advice in found.advice:
        console.print(f"-> {advice.setting}: {advice.reason}", markup=False, highlight=False, soft_wrap=True)


def _told(share: "Share | None") -> str:
    return "unknown" if share is None else f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
