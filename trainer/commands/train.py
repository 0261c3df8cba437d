"""`rlmr train`: run a preset."""

from pathlib import Path

import typer


def train(
    preset: str | None = typer.Option(
        None,
        help="A preset (embedded, one-gpu, one-node-8gpu, paper, paper-8b, paper-72b, real) or the path of a YAML file. Default: embedded.",
        show_default=False,
    ),
    changes: list[str] = typer.Option(
        [], "--set", help="key=value, e.g. lr=1e-4, strategy.gamma=0.5, openrlhf.eval.steps=10."
    ),
    name: str | None = typer.Option(None, help="Name of the run's folder; default: preset-strategy-seed0."),
    runs: Path = typer.Option(Path("runs"), help="Where runs are kept."),
    resume: Path | None = typer.Option(
        None, help="Go on with this run from its last checkpoint, with its own settings.", metavar="RUN"
    ),
    overwrite: bool = typer.Option(False, help="Remove a run of the same name first."),
    show: bool = typer.Option(
        False, "--show", help="Print the OpenRLHF command, the GPUs and about how much memory each needs, and stop."
    ),
) -> None:
    """Train a policy with OpenRLHF's GRPO against the reward services, evaluate it before and after, and write a report."""
    import signal
    import sys

    from rich.console import Console

    from trainer.commands.quiet import quiet_libraries

    quiet_libraries()
    # As Ctrl-C does: run every `finally`, so that no service and no Ray cluster is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    from trainer.grpo.flags import openrlhf_flags, to_arguments
    from trainer.run.cluster_needs import describe
    from trainer.run.presets import load_preset, preset_of
    from trainer.run.resuming import saved_settings
    from trainer.run.secrets import redacted_command

    console = Console()
    if resume is not None and preset is None:
        chosen = preset_of(saved_settings(resume), changes, str(resume))
    else:
        chosen = load_preset(preset or "embedded", changes)
    if show:
        flags = openrlhf_flags(
            chosen, model=chosen.model, prompts=Path("PROMPTS.jsonl"), output=Path("POLICY"), eval_prompts=None
        )
        arguments = redacted_command(to_arguments(flags))
        typer.echo("python -m trainer.grpo.launch openrlhf.cli.train_ppo_ray " + " ".join(arguments))
        typer.echo("\n".join(describe(chosen, flags)))
        return
    from trainer.run.pipeline import run_preset

    if resume is not None:
        runs, name = resume.resolve().parent, resume.resolve().name
    run = run_preset(chosen, runs, console, name=name, resume=resume is not None, overwrite=overwrite).folder
    import json

    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    console.print_json(json.dumps({k: v for k, v in summary.items() if k != "wall_seconds_by_stage"}))
    console.print(f"report: {run / 'report.html'}", highlight=False, soft_wrap=True)
