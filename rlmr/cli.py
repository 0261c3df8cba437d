"""The `rlmr` command: names every command group and loads one only when it is called.

The groups live on the floors above (services/commands, services/verifier/commands, trainer/commands); here they are strings, so
that this floor imports nothing above it, `rlmr --help` is instant, and an install without an extra says which one a command needs.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import typer

from rlmr import __version__
from rlmr.mistake import Mistake


@dataclass(frozen=True)
class CommandGroup:
    target: str
    """module:attribute of a typer.Typer, or of the function of a single command."""
    extra: str | None
    """What `pip install "rlmr[EXTRA]"` adds for it; "" = nothing; None = the first argument names it (a service is its own extra)."""
    help: str


GROUPS = {
    "serve": CommandGroup("services.commands.serve:serve", None, "Start one of the three services, or all of them."),
    "doctor": CommandGroup("services.commands.doctor:doctor", "", "Check running services and say what to do."),
    "constraints": CommandGroup(
        "services.verifier.commands.constraints:app", "verifier", "List, explain and try the rule checkers."
    ),
    "attack": CommandGroup(
        "services.verifier.commands.attack:attack", "", "Try to talk a live verifier or judge round."
    ),
    "judge": CommandGroup(
        "services.verifier.commands.judge:app", "verifier", "Measure an LLM judge on labelled texts."
    ),
    "calibrate": CommandGroup(
        "trainer.commands.calibrate:calibrate", "trainer", "Before training: dropped groups, spread, settings that fit."
    ),
    "train": CommandGroup(
        "trainer.commands.train:train", "trainer", "Run a preset: evaluate, train, evaluate, report."
    ),
    "watch": CommandGroup("trainer.commands.watch:watch", "trainer", "A run while it trains: curves, dropped groups."),
    "study": CommandGroup(
        "trainer.commands.study:study", "trainer", "Many runs by a plan, and the page that compares them."
    ),
    "chain": CommandGroup(
        "trainer.commands.chain:chain",
        "trainer",
        "From seeds to a report by a plan; what is up to date is passed over.",
    ),
    "report": CommandGroup("trainer.commands.report:report", "trainer", "A run's page again, from its folder."),
    "compare": CommandGroup("trainer.commands.compare:compare", "trainer", "Finished runs side by side."),
    "replay": CommandGroup(
        "trainer.commands.replay:replay", "trainer", "A run's own groups under other strategies, without generating."
    ),
    "explain": CommandGroup(
        "trainer.commands.explain:explain",
        "trainer",
        "One group of a run: who was rewarded for what, and by whom else.",
    ),
    "rm": CommandGroup("trainer.commands.rm:app", "trainer", "Writing reward models: train, export, check, evaluate."),
    "models": CommandGroup("trainer.commands.models:app", "real", "Pretrained models out of package registries."),
    "data": CommandGroup("trainer.commands.data:app", "real", "Prompts and preference pairs: make and check them."),
    "eval": CommandGroup(
        "trainer.commands.evaluate:app", "trainer", "A model on benchmarks, or two by a judge; bundles for a reviewer."
    ),
    "arena": CommandGroup("trainer.commands.arena:app", "trainer", "Blind pairwise votes by people, on a web page."),
    "world": CommandGroup("trainer.commands.world:app", "trainer", "The embedded story world."),
}

app = typer.Typer(
    name="rlmr",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rlmr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """RLMR: reward services and GRPO trainer for writing under constraints.

    Exit code 0: done, 1: done, and what was found is bad, 2: not done, by a mistake that `error:` names.
    """


def _pass_on(name: str, group: CommandGroup) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        arguments = list(context.args)
        try:
            _load(name, group)(args=arguments, prog_name=f"rlmr {name}")
        except ModuleNotFoundError as exc:
            extra = group.extra if group.extra is not None else next((a for a in arguments if a[:1] != "-"), "serve")
            what = f"rlmr[{extra}]" if extra else "rlmr"
            typer.echo(f'error: `rlmr {name}` needs {exc.name}, which is not installed: pip install "{what}"', err=True)
            raise typer.Exit(2) from exc
        except Mistake as exc:
            typer.echo(f"error: {exc}", err=True)
            raise typer.Exit(2) from exc
        except OSError as exc:
            if exc.filename is None:  # no file that somebody named
                raise
            typer.echo(f"error: {exc.filename}: {exc.strerror}", err=True)
            raise typer.Exit(2) from exc

    return run


def _load(name: str, group: CommandGroup) -> typer.Typer:
    module, _, attribute = group.target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return found
    alone = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
    alone.command(name)(found)
    return alone


for _name, _group in GROUPS.items():
    _needs = f" (extra: {_group.extra})" if _group.extra else ""
    app.command(
        _name,
        help=_group.help + _needs,
        add_help_option=False,  # --help, too, is the group's own to answer
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False},
    )(_pass_on(_name, _group))


def main() -> None:
    app()
